/** Checks of the dynamic and the sequence batcher. Texts are Triton's. */
import { Result } from "effect"
import type { DynamicBatching, ModelConfig, SequenceBatching } from "../../../../schema/ModelConfig.ts"
import * as SequenceBacklog from "../../../../schema/SequenceBacklog.ts"
import type { ConfigFault } from "./ConfigFault.ts"
import { invalid } from "./ConfigFault.ts"

/** @internal */
export function* dynamicBatchingFaults(config: ModelConfig, batching: DynamicBatching): Generator<ConfigFault> {
  const { name } = config
  for (const size of batching.preferred_batch_size) {
    if (size <= 0) yield invalid(`dynamic batching preferred size must be positive for ${name}`)
    if (size > config.max_batch_size) {
      yield invalid(`dynamic batching preferred size must be <= max batch size for ${name}`)
    }
  }
  const levels = batching.priority_levels
  const inRange = (level: bigint) => level >= 1n && level <= levels
  if (levels !== 0n) {
    if (!inRange(batching.default_priority_level)) {
      yield invalid(`default priority level must be in range [1, ${levels}] for ${name}`)
    }
    if (!Object.keys(batching.priority_queue_policy).every((level) => inRange(BigInt(level)))) {
      yield invalid(`priority queue policy must have priority level in range [1, ${levels}] for ${name}`)
    }
  }
  if (!batching.preserve_ordering) return
  if (levels > 1n) yield invalid(`Only one priority level is allowed when 'preserve_ordering' is true for ${name}`)
  const policies = [batching.default_queue_policy, ...Object.values(batching.priority_queue_policy)]
  if (policies.some((policy) => policy?.timeout_action === "DELAY" && policy.default_timeout_microseconds !== 0n)) {
    yield invalid(
      `Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for ${name}`
    )
  }
}

const values = "'int32_false_true', 'fp32_false_true' and 'bool_false_true'"
const eitherValue = "'int32_false_true', 'fp32_false_true' or 'bool_false_true'"
const correlationIdTypes: ReadonlySet<unknown> = new Set([
  "TYPE_UINT64",
  "TYPE_INT64",
  "TYPE_UINT32",
  "TYPE_INT32",
  "TYPE_STRING"
])

type Control = SequenceBatching["control_input"][number]["control"][number]

function* booleanControlFaults(control: Control, name: string): Generator<ConfigFault> {
  const kind = String(control.kind)
  const lists = [
    ["int32_false_true", control.int32_false_true],
    ["fp32_false_true", control.fp32_false_true],
    ["bool_false_true", control.bool_false_true]
  ] as const
  const given = lists.filter(([, list]) => list.length > 0)
  if (given.length === 0) {
    yield invalid(`sequence batching must specify either ${eitherValue} for ${kind} for ${name}`)
  }
  if (given.length > 1) {
    yield invalid(`sequence batching specifies more than one from ${values} for ${kind} for ${name}`)
  }
  for (const [field, list] of given) {
    if (list.length !== 2) {
      yield invalid(`sequence batching control '${field}' must have exactly 2 entries for ${kind} for ${name}`)
    }
  }
}

function* correlationIdFaults(control: Control, name: string): Generator<ConfigFault> {
  const kind = "CONTROL_SEQUENCE_CORRID"
  if (control.int32_false_true.length + control.fp32_false_true.length + control.bool_false_true.length > 0) {
    yield invalid(`sequence batching must not specify either ${eitherValue} for ${kind} for ${name}`)
  }
  if (!correlationIdTypes.has(control.data_type)) {
    yield invalid(
      `unexpected data type for control ${kind} for ${name}. Allowed data types are TYPE_UINT64, TYPE_INT64, ` +
        "TYPE_UINT32, TYPE_INT32 and TYPE_STRING"
    )
  }
}

function* controlFaults(
  batching: SequenceBatching,
  kind: Control["kind"],
  name: string
): Generator<ConfigFault> {
  const seen = new Set<string>()
  let found = false
  for (const input of batching.control_input) {
    if (input.name === "") yield invalid(`sequence batching control tensor must have a name for ${name}`)
    if (seen.has(input.name)) {
      yield invalid(
        `sequence batching control tensor '${input.name}' is specified for multiple control kinds for ${name}`
      )
    }
    seen.add(input.name)
    for (const control of input.control) {
      if (control.kind !== kind) continue
      if (found) yield invalid(`sequence batching specifies multiple ${kind} tensors for ${name}`)
      found = true
      yield* kind === "CONTROL_SEQUENCE_CORRID"
        ? correlationIdFaults(control, name)
        : booleanControlFaults(control, name)
    }
  }
}

/** @internal */
export function* sequenceBatchingFaults(config: ModelConfig, batching: SequenceBatching): Generator<ConfigFault> {
  const { name } = config
  if (config.response_cache?.enable) {
    yield invalid(
      `Response Cache does not currently support model ${name} with sequence batching scheduler. Please disable the ` +
        "response cache."
    )
  }
  for (
    const kind of [
      "CONTROL_SEQUENCE_START",
      "CONTROL_SEQUENCE_END",
      "CONTROL_SEQUENCE_READY",
      "CONTROL_SEQUENCE_CORRID"
    ] as const
  ) yield* controlFaults(batching, kind, name)
  for (const size of batching.oldest?.preferred_batch_size ?? []) {
    if (size <= 0) yield invalid(`sequence batching preferred batch size must be positive for ${name}`)
    if (size > config.max_batch_size) {
      yield invalid(`sequence batching preferred batch size must be <= max batch size for ${name}`)
    }
  }
  const utilization = batching.direct?.minimum_slot_utilization ?? 0
  if (!(utilization >= 0 && utilization <= 1)) {
    yield invalid(`sequence batching minimum slot utilization must be in range (0.0, 1.0] for ${name}`)
  }
  const backlog = SequenceBacklog.read(config)
  if (Result.isFailure(backlog)) yield invalid(backlog.failure)
}
