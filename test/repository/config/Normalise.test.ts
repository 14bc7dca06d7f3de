import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { Gpus } from "../../../src/layers/repository/internal/config/Normalise.ts"
import {
  noGpus,
  normaliseConfig,
  normaliseInstanceGroups
} from "../../../src/layers/repository/internal/config/Normalise.ts"
import { validateInstanceGroups } from "../../../src/layers/repository/internal/config/ValidateInstanceGroups.ts"
import { fault, good, parse, twoGpus } from "./Stages.ts"

const normal = (text: string) => normaliseConfig(parse(text))

describe("normaliseConfig", () => {
  it("serves the latest version where no policy is given, and keeps one that is", () => {
    assert.deepStrictEqual(normal("").version_policy?.latest, { num_versions: 1 })
    assert.deepStrictEqual(normal("version_policy { latest { } }").version_policy?.latest, { num_versions: 0 })
    assert.deepStrictEqual(normal("version_policy { all { } }").version_policy, {
      latest: undefined,
      all: {},
      specific: undefined
    })
    assert.isUndefined(normal("version_policy { }").version_policy?.latest)
  })

  it("prefers batches of the greatest size where none is preferred", () => {
    const preferred = (text: string) => normal(text).dynamic_batching?.preferred_batch_size
    assert.deepStrictEqual(preferred("max_batch_size: 8 dynamic_batching { }"), [8])
    assert.deepStrictEqual(preferred("max_batch_size: 8 dynamic_batching { preferred_batch_size: 2 }"), [2])
    assert.deepStrictEqual(preferred("dynamic_batching { }"), [])
    assert.isUndefined(preferred("max_batch_size: 8"))
  })

  it("completes a sequence batcher", () => {
    const sequence = normal("max_batch_size: 8 sequence_batching { oldest { } }").sequence_batching
    assert.strictEqual(sequence?.max_sequence_idle_microseconds, 1000000n)
    assert.deepStrictEqual(sequence?.oldest?.preferred_batch_size, [8])
    assert.isUndefined(sequence?.direct)
    assert.strictEqual(
      normal("sequence_batching { max_sequence_idle_microseconds: 5 }").sequence_batching
        ?.max_sequence_idle_microseconds,
      5n
    )
  })

  it("turns pinned memory on unless it is given", () => {
    assert.deepStrictEqual(normal("").optimization?.input_pinned_memory, { enable: true })
    const given = normal("optimization { input_pinned_memory { } graph { level: 1 } }").optimization
    assert.deepStrictEqual(given?.input_pinned_memory, { enable: false })
    assert.deepStrictEqual(given?.output_pinned_memory, { enable: true })
    assert.deepStrictEqual(given?.graph, { level: 1 })
    assert.isUndefined(normal("ensemble_scheduling { }").optimization)
  })

  it("changes nothing the second time", () => {
    for (const text of ["", "max_batch_size: 4 dynamic_batching { }", "sequence_batching { oldest { } }"]) {
      assert.deepStrictEqual(normaliseConfig(normal(text)), normal(text))
    }
  })
})

interface Group {
  readonly name: string
  readonly kind: string | number
  readonly count: number
  readonly gpus: ReadonlyArray<number>
}

const groups = (text: string, gpus: Gpus): ReadonlyArray<Group> =>
  normaliseInstanceGroups(parse(`name: "m" backend: "onnxruntime" ${text}`), gpus).instance_group
    .map(({ count, gpus: ids, kind, name }) => ({ name, kind, count, gpus: ids }))

const cpu = (name: string, count: number): Group => ({ name, kind: "KIND_CPU", count, gpus: [] })
const gpu = (name: string, count: number, ids: ReadonlyArray<number>): Group => ({
  name,
  kind: "KIND_GPU",
  count,
  gpus: ids
})

describe("normaliseInstanceGroups", () => {
  const table: ReadonlyArray<
    readonly [text: string, onCpu: ReadonlyArray<Group>, onGpus: ReadonlyArray<Group>]
  > = [
    ["", [cpu("m", 2)], [gpu("m", 1, [0, 1])]],
    ["instance_group { }", [cpu("m_0", 2)], [gpu("m_0", 1, [0, 1])]],
    ["instance_group { kind: KIND_CPU }", [cpu("m_0", 2)], [cpu("m_0", 2)]],
    ["instance_group { kind: KIND_CPU count: 1 }", [cpu("m_0", 1)], [cpu("m_0", 1)]],
    ["instance_group { count: 3 }", [cpu("m_0", 3)], [gpu("m_0", 3, [0, 1])]],
    ["instance_group { count: 0 }", [cpu("m_0", 2)], [gpu("m_0", 1, [0, 1])]],
    ["instance_group { count: -5 }", [cpu("m_0", 2)], [gpu("m_0", 1, [0, 1])]],
    [
      "instance_group { kind: KIND_MODEL }",
      [{ name: "m_0", kind: "KIND_MODEL", count: 1, gpus: [] }],
      [{ name: "m_0", kind: "KIND_MODEL", count: 1, gpus: [] }]
    ],
    ["instance_group { gpus: 1 }", [{ ...cpu("m_0", 2), gpus: [1] }], [gpu("m_0", 1, [1])]],
    ["instance_group { gpus: [ 0, 7 ] }", [{ ...cpu("m_0", 2), gpus: [0, 7] }], [{ ...cpu("m_0", 2), gpus: [0, 7] }]],
    [
      "instance_group [ { name: \"a\" }, { }, { kind: KIND_CPU } ]",
      [cpu("a", 2), cpu("m_1", 2), cpu("m_2", 2)],
      [gpu("a", 1, [0, 1]), gpu("m_1", 1, [0, 1]), cpu("m_2", 2)]
    ]
  ]

  for (const [text, onCpu, onGpus] of table) {
    it(`completes '${text}'`, () => {
      assert.deepStrictEqual(groups(text, noGpus), onCpu)
      assert.deepStrictEqual(groups(text, twoGpus), onGpus)
    })
  }

  it("gives other backends one instance, and ensembles no group", () => {
    const other = normaliseInstanceGroups(parse("name: \"m\" backend: \"python\""), noGpus)
    assert.strictEqual(other.instance_group[0]?.count, 1)
    assert.deepStrictEqual(normaliseInstanceGroups(parse("ensemble_scheduling { }"), noGpus).instance_group, [])
  })
})

describe("validateInstanceGroups", () => {
  const prefix = "instance group m_0 of model m "
  const cases: ReadonlyArray<readonly [text: string, gpus: Gpus, expected: string | undefined]> = [
    ["kind: KIND_MODEL gpus: 0", noGpus, `${prefix}has kind KIND_MODEL but specifies one or more GPUs`],
    ["kind: KIND_GPU", noGpus, `${prefix}has kind KIND_GPU but server does not support GPUs`],
    ["kind: KIND_GPU gpus: 0", noGpus, `${prefix}has kind KIND_GPU but server does not support GPUs`],
    [
      "kind: KIND_GPU",
      { supported: true, present: 0, usable: [] },
      `${prefix}has kind KIND_GPU but no GPUs are available`
    ],
    [
      "kind: KIND_GPU",
      { supported: true, present: 0, usable: [], remark: "no driver is there" },
      `${prefix}has kind KIND_GPU but no GPUs are available: no driver is there`
    ],
    ["kind: KIND_GPU", { supported: true, present: 1, usable: [] }, `${prefix}has kind KIND_GPU but specifies no GPUs`],
    [
      "kind: KIND_GPU gpus: [ -1 ]",
      { supported: true, present: 1, usable: [0], minimumComputeCapability: 0 },
      `${prefix}specifies invalid or unsupported gpu id -1. GPUs with at least the minimum required CUDA compute ` +
      "compatibility of 0.000000 are: 0"
    ],
    [
      "kind: KIND_GPU secondary_devices { kind: KIND_NVDLA device_id: 1 }",
      twoGpus,
      `${prefix}specifies the secondary device KIND_NVDLA 1, which only TensorRT engines with DLA cores use: remove ` +
      "secondary_devices"
    ],
    [
      "kind: KIND_GPU gpus: [ 0, 2 ]",
      twoGpus,
      `${prefix}specifies invalid or unsupported gpu id 2. GPUs with at least the minimum required CUDA compute ` +
      "compatibility of 7.500000 are: 0, 1"
    ],
    ["kind: KIND_GPU gpus: [ 1 ]", twoGpus, undefined],
    ["kind: KIND_GPU count: 512", twoGpus, undefined],
    [
      "kind: KIND_GPU count: 513",
      twoGpus,
      "instance groups of model m have 1026 instances, but at most 1024 are allowed"
    ],
    [
      "kind: KIND_CPU count: 2147483647",
      noGpus,
      "instance groups of model m have 2147483647 instances, but at most 1024 are allowed"
    ],
    ["gpus: [ 0 ]", noGpus, `${prefix}has kind KIND_CPU but specifies one or more GPUs`],
    ["kind: KIND_CPU gpus: [ 0 ]", twoGpus, `${prefix}has kind KIND_CPU but specifies one or more GPUs`],
    ["kind: 9", noGpus, `${prefix}has unknown kind 9`],
    [
      "profile: \"p\"",
      noGpus,
      "instance group m_0 of model m and platform onnxruntime_onnxspecifies profile field which is only supported for " +
      "TensorRT models"
    ],
    ["kind: KIND_CPU count: 3 host_policy: \"x\" passive: true rate_limiter { priority: 2 }", noGpus, undefined]
  ]
  for (const [text, gpus, expected] of cases) {
    it(`${expected === undefined ? "accepts" : "refuses"} ${text} with ${gpus.usable.length} usable GPUs`, () => {
      assert.strictEqual(fault(`${good} instance_group { ${text} }`, { gpus }), expected)
    })
  }

  it("wants a group, except of ensembles", () => {
    const result = validateInstanceGroups(parse("name: \"m\""), noGpus)
    assert.strictEqual(
      Result.isFailure(result) ? result.failure.message : undefined,
      "must specify one or more 'instance group's for m"
    )
    assert.isTrue(Result.isSuccess(validateInstanceGroups(parse("ensemble_scheduling { }"), noGpus)))
  })
})
