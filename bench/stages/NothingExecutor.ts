/** An executor that does nothing: runs end in the next turn of the event loop, with outputs that were there before. */
import { Effect, Exit, Layer } from "effect"
import type { Tensor } from "../../src/schema/Inference.ts"
import { type ExecutionResult, Executor, type LentInstance } from "../../src/services/Executor.ts"
import { unusedRun, unusedSlots } from "../instances.ts"

const nothing = () => {}
const never = { withdraw: () => false }

const tensor = (name: string) => ({ name, isTensor: true, type: "int32", shape: [-1, 16] })

/** Of so many rows, 0 on. */
const results = Array.from({ length: 65 }, (_, rows): ExecutionResult => ({
  outputs: ["OUTPUT0", "OUTPUT1"].map((name): Tensor => ({
    name,
    datatype: "INT32",
    shape: [rows, 16],
    data: new Uint8Array(rows * 64).fill(1)
  })),
  begunAtNanos: 0,
  computeInputNanos: 0,
  computeInferNanos: 0,
  computeOutputNanos: 0,
  release: nothing
}))

type Done = Parameters<LentInstance["start"]>[2]

/** Runs that were started since the last turn, and what they are answered. */
let started: Array<Done> = []
let exits: Array<Exit.Exit<ExecutionResult>> = []

const end = (): void => {
  const ending = started
  const answers = exits
  started = []
  exits = []
  for (let i = 0; i < ending.length; i++) ending[i]!(answers[i]!)
}

const instance = (index: number): LentInstance => ({
  name: `nothing_${index}`,
  index,
  accepts: () => true,
  quick: () => true,
  lost: Effect.never,
  start: (inputs, _outputs, done) => {
    if (started.length === 0) setImmediate(end)
    started.push(done)
    exits.push(Exit.succeed(results[inputs[0]!.shape[0]!]!))
    return never
  }
})

/** @category layers */
export const layer: Layer.Layer<Executor> = Layer.succeed(Executor, {
  devices: [{ kind: "CPU", id: 0 }],
  inspect: () =>
    Effect.succeed({
      inputs: [tensor("INPUT0"), tensor("INPUT1")],
      outputs: [tensor("OUTPUT0"), tensor("OUTPUT1")]
    }),
  open: (plan) =>
    Effect.succeed({
      count: plan.instances.length,
      slots: unusedSlots(plan.instances.length),
      run: unusedRun,
      lend: Effect.sync(() => instance(0)),
      healthy: () => true
    })
})
