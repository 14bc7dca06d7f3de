/** Models that run when a test lets them: the first output is the sum of the inputs. */
import { Deferred, Effect, Exit, Result } from "effect"
import type { Tensor } from "../../../src/schema/Inference.ts"
import type { Lookup } from "../../../src/services/ModelRepository.ts"
import type { Job } from "../../../src/services/Scheduler.ts"
import type * as FakeExecution from "../FakeExecution.ts"

const values = ({ data }: Tensor) => new Int32Array(data.buffer, data.byteOffset, data.byteLength / 4)

const tensor = (name: string, numbers: Int32Array): Tensor => ({
  name,
  datatype: "INT32",
  shape: [1, 16],
  data: new Uint8Array(numbers.buffer)
})

/** Answers jobs of `Models.simple`, and holds those of some models until they are let go. */
export class Running {
  /** Versions that ran, in order. */
  readonly ran: Array<string> = []
  private readonly gates = new Map<string, Deferred.Deferred<void>>()
  private readonly arrivals = new Map<string, Deferred.Deferred<void>>()

  /** Jobs of this version wait from now on. The effect waits for the next of them. */
  hold(label: string): Effect.Effect<void> {
    this.gates.set(label, Deferred.makeUnsafe())
    const arrival = Deferred.makeUnsafe<void>()
    this.arrivals.set(label, arrival)
    return Deferred.await(arrival)
  }

  letGo(label: string): Effect.Effect<void> {
    const gate = this.gates.get(label)
    this.gates.delete(label)
    return gate === undefined ? Effect.void : Effect.asVoid(Deferred.succeed(gate, undefined))
  }

  readonly run: FakeExecution.Running = (label, job) =>
    Effect.suspend(() => {
      const gate = this.gates.get(label)
      const arrival = this.arrivals.get(label)
      if (arrival !== undefined) Deferred.doneUnsafe(arrival, Exit.void)
      return Effect.map(gate === undefined ? Effect.void : Deferred.await(gate), () => {
        this.ran.push(label)
        return {
          outputs: job.outputs.map((name) => {
            const sum = new Int32Array(16)
            for (const input of job.inputs) values(input).forEach((value, i) => sum[i]! += value)
            return tensor(name, sum)
          }),
          begunAtNanos: 0,
          computeInputNanos: 1,
          computeInferNanos: 1,
          computeOutputNanos: 1,
          queueNanos: 0,
          batchRows: 1,
          release: () => {}
        }
      })
    })
}

/** A request of ones to what was found; what each number comes to. */
export const infer = (found: Lookup) => {
  const job: Job = {
    inputs: [tensor("IN", new Int32Array(16).fill(1))],
    outputs: ["OUT"],
    batchSize: 1,
    priority: 0,
    timeoutMicros: 0,
    deadlineMicros: 0
  }
  return Effect.map(Result.getOrThrow(found).scheduler.submit(job), ({ outputs, release }) => {
    const [first] = values(outputs[0]!)
    release()
    return first
  })
}
