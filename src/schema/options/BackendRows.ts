/** Options of backends, caches, the rate limiter and memory. Source: model-config §6.7, §7.2. */
import { Result } from "effect"
import * as CacheSettings from "./CacheSettings.ts"
import { repeated, single } from "./OptionRow.ts"
import type { ScopedSetting } from "./ValueTypes.ts"
import {
  bool,
  bytes,
  choice,
  int,
  path,
  perDevice,
  resource,
  scopedSetting,
  string,
  withoutSecret
} from "./ValueTypes.ts"

const group = "Backends, caches, scheduling and memory"
const noCuda = "ONNX Runtime manages the memory of devices by itself."
const backends = "ONNX Runtime is built in, and no shared libraries are loaded."

/** Settings of backends that have an effect here, as they are written before the equals sign. */
const backendSettings: ReadonlySet<string> = new Set([
  "default-max-batch-size",
  "onnxruntime,default-max-batch-size",
  "onnxruntime,intra_op_thread_count",
  "onnxruntime,inter_op_thread_count"
])
const nameOf = ({ key, scope }: ScopedSetting) => scope === "" ? key : `${scope},${key}`

const readBytes = (text: string) => /^\d+$/.test(text) ? Number(text) : Number.NaN
const readFraction = (text: string) => text.trim() === "" ? Number.NaN : Number(text)

/** @category models */
export const backendRows = [
  single({
    name: "backend-directory",
    type: path,
    default: "",
    defaultText: "none",
    group,
    doc: "Where Triton finds backends.",
    ignored: backends
  }),
  repeated({
    name: "backend-config",
    type: scopedSetting({
      label: "[backend,]setting=value",
      scope: "optional",
      malformed: (text) => `--backend-config option format is '<backend name>,<setting>=<value>'. Got ${text}`,
      emptyScope: (text) =>
        `No backend specified. --backend-config option format is <backend name>,<setting>=<value> or <setting>=<value>. Got ${text}`
    }),
    group,
    doc:
      "A setting of a backend. default-max-batch-size (4) is the largest batch of models that can batch and do not say how much; onnxruntime,intra_op_thread_count and onnxruntime,inter_op_thread_count are threads per instance of models without such a parameter.",
    warn: (settings) => {
      const unused = settings.filter((setting) => !backendSettings.has(nameOf(setting))).map(nameOf)
      return unused.length === 0
        ? undefined
        : `has no effect for '${unused.join("', '")}': the settings used are ${[...backendSettings].join("; ")}.`
    },
    refuse: (settings) => {
      const wrong = settings.find((setting) =>
        backendSettings.has(nameOf(setting)) && !/^\s*[+-]?\d/.test(setting.value)
      )
      return wrong === undefined
        ? undefined
        : `failed to convert '${wrong.value}' to integral number (backend setting '${wrong.key}')`
    }
  }),
  single({
    name: "repoagent-directory",
    type: path,
    default: "",
    defaultText: "none",
    group,
    doc: "Where Triton finds repository agents.",
    ignored: "no shared libraries are loaded."
  }),
  single({
    name: "cache-directory",
    type: path,
    default: "",
    defaultText: "none",
    group,
    doc: "Where Triton finds caches.",
    ignored: "no shared libraries are loaded."
  }),
  repeated({
    name: "cache-config",
    type: scopedSetting({
      label: "cache,setting=value",
      scope: "required",
      malformed: (text) =>
        `--cache-config option format is '<cache name>,<setting>=<value>'. Got ${withoutSecret(text)}`,
      emptyScope: (text) =>
        `No cache specified. --cache-config option format is <cache name>,<setting>=<value>. Got ${withoutSecret(text)}`
    }),
    group,
    doc:
      "A setting of the response cache: local,size=1048576 keeps answers in the server's memory, redis,host=localhost on a Redis server, and redis,local-size=1048576 in both. docs/response-cache.md lists all settings.",
    warn: CacheSettings.warn,
    refuse: (settings) =>
      Result.match(CacheSettings.read(settings), { onFailure: (why) => why, onSuccess: () => undefined })
  }),
  single({
    name: "response-cache-byte-size",
    type: bytes(),
    default: 0,
    unit: "bytes",
    group,
    doc: "Deprecated: --cache-config=local,size=. 0: no response cache."
  }),
  single({
    name: "rate-limit",
    type: choice(["off", "execution_count"], "invalid argument for --rate-limit"),
    default: "off" as "off" | "execution_count",
    group,
    doc: "Whether instances wait for resources before they run: off, or those first that have run least."
  }),
  repeated({
    name: "rate-limit-resource",
    type: resource,
    environmentSeparator: ",",
    group,
    doc:
      "How much of a resource there is, for every device or for one. Default: as much as the instance that needs most of it."
  }),
  single({
    name: "pinned-memory-pool-byte-size",
    type: bytes(),
    default: 268435456,
    unit: "bytes",
    group,
    doc: "Pinned host memory for copies to GPUs.",
    ignored: noCuda
  }),
  repeated({
    name: "cuda-memory-pool-byte-size",
    type: perDevice("gpu:bytes", readBytes),
    environmentSeparator: ",",
    group,
    doc: "Memory pool of a GPU.",
    ignored: noCuda
  }),
  repeated({
    name: "cuda-virtual-address-size",
    type: perDevice("gpu:bytes", readBytes),
    environmentSeparator: ",",
    group,
    doc: "Virtual address space of a GPU.",
    ignored: noCuda
  }),
  single({
    name: "min-supported-compute-capability",
    type: string,
    default: "0",
    group,
    doc: "GPUs of a lower CUDA compute capability are not used. What nvidia-smi does not tell the capability of is.",
    refuse: (text) =>
      /^\d+(\.\d+)?$/.test(text) ? undefined : `Invalid option value. Got ${text}\nExpected a number such as 7.5.`
  }),
  single({
    name: "buffer-manager-thread-count",
    type: int({ min: 0 }),
    default: 0,
    group,
    doc: "Threads that copy tensors in Triton.",
    ignored: "tensors are read and written in shared memory, where they are."
  }),
  repeated({
    name: "host-policy",
    type: scopedSetting({
      label: "policy,setting=value",
      scope: "required",
      malformed: (text) => `--host-policy option format is '<policy name>,<setting>=<value>'. Got ${text}`,
      emptyScope: (text) =>
        `No host policy specified. --host-policy option format is '<policy name>,<setting>=<value>'. Got ${text}`
    }),
    group,
    doc: "NUMA node and cores of a host policy.",
    ignored: "the operating system places the threads; use taskset or numactl for the whole server."
  }),
  repeated({
    name: "model-load-gpu-limit",
    type: perDevice("device:fraction", readFraction),
    environmentSeparator: ",",
    group,
    doc:
      "Share of a GPU's memory in use, as nvidia-smi tells it, beyond which no more models are loaded on it. Default: no limit.",
    refuse: (limits) => {
      const wrong = limits.find(({ amount }) => amount < 0 || amount > 1)
      return wrong === undefined ? undefined : `expects limit fraction to be in range [0.0, 1.0], got ${wrong.amount}`
    }
  }),
  single({
    name: "allow-client-shm",
    type: bool,
    default: false,
    group,
    doc:
      "Let clients register shared memory of this machine, from which inputs come and to which outputs go. Whoever may send requests can then read and write the shared memory that the server's user may."
  }),
  single({
    name: "client-shm-max-regions",
    type: int({ min: 1 }),
    default: 1024,
    group,
    doc: "Regions of shared memory that clients may have registered at a time.",
    triton: false
  }),
  single({
    name: "client-shm-max-bytes",
    type: bytes({ min: 1 }),
    default: 17179869184,
    unit: "bytes",
    group,
    doc: "Bytes of all regions of shared memory together that clients may have registered at a time.",
    triton: false
  })
] as const
