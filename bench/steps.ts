/** Drives steps of sequences that live, as many at a time as there are connections. */
import { drive, type Outcome } from "./load.ts"
import type { BinaryRequest, Parameters } from "./requests.ts"

export interface StepLoad {
  /** Base URL of the server. */
  readonly url: string
  readonly model: string
  /** A step with these parameters, which say of which sequence. */
  readonly step: (parameters: Parameters) => BinaryRequest
  /** Connections, and sequences that go on at once. */
  readonly sequences: number
  readonly seconds: number
}

/** No two loads meet the same sequences. All ids have the same length, so that one header tells where the tensors begin. */
let lastId = 100_000

const send = async (url: string, { body, headers }: BinaryRequest): Promise<void> => {
  const response = await fetch(url, { method: "POST", body: Buffer.from(body), headers })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${text}`)
}

/** Begins sequences, sends steps of theirs in turns, and ends them. `around` sees the steps alone. */
export const driveSteps = async <A>(
  { model, seconds, sequences, step, url }: StepLoad,
  around: (load: () => Promise<Outcome>) => Promise<A>
): Promise<A> => {
  const target = `${url}/v2/models/${model}/infer`
  const ids = Array.from({ length: sequences }, () => ++lastId)
  for (const id of ids) await send(target, step({ sequence_id: id, sequence_start: true }))
  const turns = ids.map((id) => step({ sequence_id: id }).body)
  const { body, headers } = step({ sequence_id: ids[0]! })
  const outcome = await around(() => drive({ url: target, body, turns, headers, connections: sequences, seconds }))
  // The load generator goes away from its last steps, which ends their sequences: these begin again to end.
  for (const id of ids) await send(target, step({ sequence_id: id, sequence_start: true, sequence_end: true }))
  return outcome
}
