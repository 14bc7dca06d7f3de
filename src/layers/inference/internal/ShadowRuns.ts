/**
 * Runs requests that were answered once more, on the version in the shadow, and compares the outputs. Nobody waits for it: inputs
 * are copied while the request runs, all else comes after the answer, and what is beyond the bounds is dropped.
 */
import { Clock, Effect, FiberSet, Result, type Scope } from "effect"
import type { InferenceError } from "../../../schema/Errors.ts"
import type { InferenceRequest, InferenceResponse, Tensor } from "../../../schema/Inference.ts"
import * as TensorComparison from "../../../schema/TensorComparison.ts"
import { isNotResident, type Model, type Shadow } from "../../../services/ModelRepository.ts"
import type { ModelStatistics } from "../../../services/Statistics.ts"

/** Bounds over all models. @category models */
export interface Options {
  /** Requests that are copied and not yet compared. */
  readonly maxInflightRequests: number
  /** Bytes of their inputs and of the outputs that were answered. */
  readonly maxInflightBytes: number
}

/** A request that is to run in the shadow once it was answered. @category models */
export interface Chosen {
  /** It was answered with these outputs, not classified, which are copied before this returns. */
  readonly answered: (outputs: ReadonlyArray<Tensor>) => void
  /** It is over, and its tensors are its owner's again: where it was not answered, there is nothing to compare. */
  readonly over: () => void
}

/** @category models */
export interface ShadowRuns {
  /** Decides about a request that is submitted in the same turn of the event loop; `undefined`: it does not run again. */
  readonly choose: (shadow: Shadow, answeredBy: Model, request: InferenceRequest) => Chosen | undefined
}

/** Between two messages about one version. */
const quietNanos = 60_000_000_000n

interface Told {
  readonly at: bigint
  /** Messages held back since. */
  more: number
}

/** `run` answers a request by a version. Closing the scope ends what runs. @category constructors */
export const make = Effect.fnUntraced(function*(
  options: Options,
  run: (model: Model, request: InferenceRequest) => Effect.Effect<InferenceResponse, InferenceError>
): Effect.fn.Return<ShadowRuns, never, Scope.Scope> {
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  const clock = yield* Clock.Clock
  const told = new WeakMap<ModelStatistics, Told>()
  let requests = 0
  let bytes = 0

  const tell = ({ statistics }: Model, message: string): Effect.Effect<void> => {
    const now = clock.monotonicTimeNanosUnsafe()
    const last = told.get(statistics)
    if (last !== undefined && now - last.at < quietNanos) {
      last.more++
      return Effect.void
    }
    told.set(statistics, { at: now, more: 0 })
    return Effect.logWarning(
      last === undefined || last.more === 0 ? message : `${message} (${last.more} more since the last)`
    )
  }

  const execute = (
    model: Model,
    answeredBy: number,
    request: InferenceRequest,
    expected: ReadonlyArray<Tensor>,
    tolerance: TensorComparison.Tolerance
  ): Effect.Effect<void> =>
    Effect.matchEffect(run(model, request), {
      onSuccess: (response) => {
        const { difference, largest } = compare(expected, response.outputs, tolerance)
        response.release()
        model.statistics.shadowed(difference === undefined ? "same" : "different", largest)
        return difference === undefined ? Effect.void : tell(
          model,
          `Model '${model.name}': version ${model.version} in the shadow answers otherwise than version ${answeredBy}: ` +
            difference
        )
      },
      onFailure: ({ reason }) => {
        const busy = reason._tag === "QueueFull" || reason._tag === "Stopping" || reason._tag === "RequestTimedOut"
        model.statistics.shadowed(busy ? "dropped" : "failed")
        return busy ? Effect.void : tell(
          model,
          `Model '${model.name}': version ${model.version} in the shadow fails where version ${answeredBy} answered: ` +
            reason.message
        )
      }
    })

  /** What a chosen request holds, from its choice until it was compared. */
  const take = (
    model: Model,
    answeredBy: number,
    request: InferenceRequest,
    shadow: Shadow,
    inputBytes: number
  ): Chosen => {
    let size = inputBytes
    let inputs: ReadonlyArray<Tensor> | undefined
    let isOver = false
    let isAnswered = false
    requests++
    bytes += size
    const end = () => {
      requests--
      bytes -= size
    }
    // By then the request was submitted, and runs elsewhere; its tensors are lent until it is over.
    queueMicrotask(() => {
      if (!isOver) inputs ??= request.inputs.map(copy)
    })
    return {
      over: () => {
        isOver = true
        if (!isAnswered) end()
      },
      answered: (outputs) => {
        isAnswered = true
        const more = byteLength(outputs)
        if (bytes + more > options.maxInflightBytes) {
          end()
          return model.statistics.shadowed("dropped")
        }
        size += more
        bytes += more
        inputs ??= request.inputs.map(copy)
        const expected = outputs.map(copy)
        fork(
          // First the answer leaves.
          Effect.andThen(
            Effect.yieldNow,
            execute(model, answeredBy, shadowRequest(request, inputs), expected, shadow.tolerance)
          ).pipe(
            Effect.catchDefect((defect) => {
              model.statistics.shadowed("failed")
              return Effect.logError(`Model '${model.name}': version ${model.version} broke in the shadow`, defect)
            }),
            Effect.ensuring(Effect.sync(end))
          )
        )
      }
    }
  }

  return {
    choose: (shadow, answeredBy, request) => {
      // Some steps of a sequence would leave a version in a state that no client has seen.
      if (request.sequence !== undefined || !shadow.chosen()) return undefined
      const found = shadow.lookup()
      if (Result.isFailure(found)) {
        if (isNotResident(found.failure)) found.failure.statistics()?.shadowed("dropped")
        return undefined
      }
      const model = found.success
      if (model.version === answeredBy.version) return undefined
      const size = byteLength(request.inputs)
      if (requests >= options.maxInflightRequests || bytes + size > options.maxInflightBytes || !model.healthy()) {
        model.statistics.shadowed("dropped")
        return undefined
      }
      return take(model, answeredBy.version, request, shadow, size)
    }
  }
})

const byteLength = (tensors: ReadonlyArray<Tensor>): number => {
  let sum = 0
  for (let i = 0; i < tensors.length; i++) sum += tensors[i]!.data.byteLength
  return sum
}

const copy = (tensor: Tensor): Tensor => ({ ...tensor, data: new Uint8Array(tensor.data) })

/** Nobody waits for it: it has no deadline, no timeout, no priority and no trace. Tensors are compared, not classes. */
const shadowRequest = (request: InferenceRequest, inputs: ReadonlyArray<Tensor>): InferenceRequest => ({
  ...request,
  inputs,
  outputs: request.outputs.map(({ name }) => ({ name, classification: 0 })),
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0,
  trace: undefined
})

interface Compared {
  /** What differs first, without contents of tensors. */
  readonly difference: string | undefined
  readonly largest: number
}

/** Outputs that only the version in the shadow has make no difference. */
const compare = (
  expected: ReadonlyArray<Tensor>,
  outputs: ReadonlyArray<Tensor>,
  tolerance: TensorComparison.Tolerance
): Compared => {
  let difference: string | undefined
  let largest = 0
  for (const tensor of expected) {
    const got = outputs.find(({ name }) => name === tensor.name)
    if (got === undefined) {
      difference ??= `it has no output '${tensor.name}'`
      continue
    }
    const found = TensorComparison.measure(tensor, got, tolerance)
    largest = Math.max(largest, found.largest)
    if (found.first !== undefined) difference ??= `output '${tensor.name}' ${show(found, found.first)}`
  }
  return { difference, largest }
}

const show = (
  { differing, largest }: TensorComparison.Comparison,
  { expected, got, index, reason }: TensorComparison.Difference
): string =>
  reason === "value"
    ? `differs in ${differing} ${
      differing === 1 ? "element" : "elements"
    }, first in element ${index}, by at most ${largest}`
    : `has the ${reason} ${got} instead of ${expected}`
