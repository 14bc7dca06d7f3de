/** Requests that run a second time, on a version in the shadow. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Logger, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as LocalInferenceServer from "../../src/layers/inference/LocalInferenceServer.ts"
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import * as BatchAxis from "../../src/schema/BatchAxis.ts"
import { ExecutionFailed, QueueFull, Stopping } from "../../src/schema/Errors.ts"
import type { InferenceRequest } from "../../src/schema/Inference.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import type { ModelSignature, SignatureTensor } from "../../src/schema/ModelSignature.ts"
import * as Tensor from "../../src/schema/Tensor.ts"
import { InferenceServer } from "../../src/services/InferenceServer.ts"
import { type Lookup, type Model, ModelRepository, type Shadow } from "../../src/services/ModelRepository.ts"
import type { Job, JobFailure, JobResult } from "../../src/services/Scheduler.ts"
import * as ProgramLogger from "../ProgramLogger.ts"

const vector = (name: string): SignatureTensor => ({
  name,
  datatype: "FP32",
  dims: [-1],
  batchAxis: BatchAxis.none,
  shape: [-1],
  modelShape: [-1],
  reshaped: false,
  optional: false,
  labels: undefined
})

const signature = (input: string): ModelSignature => ({
  maxBatchSize: 0,
  inputs: [vector(input)],
  outputs: [vector("Y")],
  inputByName: new Map([[input, vector(input)]]),
  outputByName: new Map([["Y", vector("Y")]]),
  requiredInputs: 1,
  outputNames: ["Y"]
})

const result = (values: ReadonlyArray<number>, release = () => {}): JobResult => ({
  outputs: [Tensor.from("Y", [values.length], Float32Array.from(values))],
  begunAtNanos: 0,
  queueNanos: 0,
  batchRows: 1,
  computeInputNanos: 0,
  computeInferNanos: 0,
  computeOutputNanos: 0,
  release
})

const makeModel = (
  version: number,
  submit: (job: Job) => Effect.Effect<JobResult, JobFailure>,
  changes: Partial<Model> = {}
): Model => ({
  name: "m",
  version,
  config: ModelConfig.make({ name: "m" }),
  signature: signature("X"),
  statistics: new Books("m", version, () => 0),
  healthy: () => true,
  scheduler: { submit, depth: () => ({ waiting: 0, running: 0 }) },
  ...changes
})

const valuesOf = (job: Job) => [...Tensor.values(job.inputs[0]!, "FP32")]

/** Answers with its input times a factor. */
const times = (factor: number) => (job: Job) => Effect.sync(() => result(valuesOf(job).map((value) => value * factor)))

const shadowOf = (lookup: Lookup, changes: Partial<Shadow> = {}): Shadow => ({
  lookup: () => lookup,
  tolerance: { absolute: 0, relative: 0 },
  chosen: () => true,
  ...changes
})

const request = (values: ReadonlyArray<number>, changes: Partial<InferenceRequest> = {}): InferenceRequest => ({
  id: "",
  inputs: [Tensor.from("X", [values.length], Float32Array.from(values))],
  outputs: [],
  parameters: new Map(),
  priority: 3,
  timeoutMicros: 5,
  deadlineMicros: 7,
  sequence: undefined,
  ...changes
})

const open = (options: Partial<LocalInferenceServer.Options> = {}) =>
  Effect.map(
    Layer.build(
      LocalInferenceServer.layer({ name: "galatea", version: "1", strictReadiness: true, ...options }).pipe(
        Layer.provide(Layer.mock(ModelRepository, { lookup: () => assert.fail("not asked"), readyVersions: () => [] }))
      )
    ),
    (context) => Context.get(context, InferenceServer)
  )

/** Asks the first version, and waits until the books of the second one have counted so many shadow runs. */
const settle = (shadow: Model, count: number) =>
  Effect.gen(function*() {
    const total = () => Object.values(shadow.statistics.counts().shadows).reduce((a, b) => a + b)
    while (total() < count) yield* Effect.yieldNow
    return shadow.statistics.counts().shadows
  })

const none = { same: 0, different: 0, failed: 0, dropped: 0 }

/** Log messages at the level of warnings and errors. */
const messages = () => {
  const told: Array<string> = []
  const logger = ProgramLogger.make(({ logLevel, message }) => {
    if (logLevel === "Warn" || logLevel === "Error") told.push([message].flat().map(String)[0]!)
  })
  return { told, layer: Logger.layer([logger]) }
}

describe("A version in the shadow", () => {
  it.effect("runs the requests that were chosen, and its outputs are compared within the tolerance", () =>
    Effect.gen(function*() {
      const second = makeModel(2, times(1.5))
      let chosen = true
      const tolerance = { absolute: 1, relative: 0 }
      const shadow = shadowOf(Result.succeed(second), { chosen: () => chosen, tolerance })
      const first = makeModel(1, times(1), { shadow })
      const server = yield* open()
      const answer = yield* server.infer(first, request([1, 2]))
      assert.strictEqual(answer.modelVersion, "1")
      assert.deepStrictEqual([...Tensor.values(answer.outputs[0]!, "FP32")], [1, 2])
      assert.deepStrictEqual(yield* settle(second, 1), { ...none, same: 1 })
      yield* server.infer(first, request([1, 8]))
      assert.deepStrictEqual(yield* settle(second, 2), { ...none, same: 1, different: 1 })
      assert.strictEqual(second.statistics.counts().shadows.same, 1)
      chosen = false
      yield* server.infer(first, request([1]))
      chosen = true
      yield* server.infer(first, request([1]))
      assert.deepStrictEqual(yield* settle(second, 3), { ...none, same: 2, different: 1 })
    }).pipe(Effect.provide(messages().layer)))

  it.effect("works on copies after the answer, when the caller has its memory back", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const jobs: Array<Job> = []
      const second = makeModel(2, (job) =>
        Effect.andThen(Deferred.await(gate), () => {
          jobs.push(job)
          return times(1)(job)
        }))
      const first = makeModel(1, times(1), { shadow: shadowOf(Result.succeed(second)) })
      const server = yield* open()
      const asked = request([1, 2])
      const answer = yield* server.infer(first, asked)
      asked.inputs[0]!.data.fill(0xff)
      answer.outputs[0]!.data.fill(0xff)
      answer.release()
      assert.deepStrictEqual(second.statistics.counts().shadows, none)
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* settle(second, 1), { ...none, same: 1 })
      const [job] = jobs
      assert.deepStrictEqual(valuesOf(job!), [1, 2])
      assert.deepStrictEqual([job!.priority, job!.timeoutMicros, job!.deadlineMicros], [0, 0, 0])
    }))

  it.effect("copies inputs while the request runs, so that the answer does not wait for it", () =>
    Effect.gen(function*() {
      const answering = yield* Deferred.make<void>()
      const second = makeModel(2, times(1))
      const first = makeModel(1, (job) => {
        const values = valuesOf(job)
        return Effect.as(Deferred.await(answering), result(values))
      }, { shadow: shadowOf(Result.succeed(second)) })
      const server = yield* open()
      const asked = request([1, 2])
      const asking = yield* Effect.forkChild(server.infer(first, asked), { startImmediately: true })
      yield* Effect.yieldNow
      // Nobody does that with a tensor which is lent: it tells when the copy was made.
      asked.inputs[0]!.data.fill(0xff)
      yield* Deferred.succeed(answering, undefined)
      yield* Fiber.join(asking)
      assert.deepStrictEqual(yield* settle(second, 1), { ...none, same: 1 })
    }))

  it.effect("holds nothing of requests that failed, or that nobody waits for any more", () =>
    Effect.gen(function*() {
      const second = makeModel(2, times(1))
      const shadow = shadowOf(Result.succeed(second))
      const server = yield* open({ shadow: { maxInflightRequests: 1, maxInflightBytes: 1e6 } })
      const failing = makeModel(1, () => Effect.fail(new ExecutionFailed({ model: "m", message: "no" })), { shadow })
      yield* Effect.flip(server.infer(failing, request([1])))
      const short = makeModel(1, () =>
        Effect.succeed({ ...result([1]), outputs: [{ ...result([1]).outputs[0]!, shape: [] }] }), {
        shadow,
        signature: { ...signature("X"), outputByName: new Map([["Y", { ...vector("Y"), batchAxis: 0 }]]) }
      })
      yield* Effect.flip(server.infer(short, request([1])))
      const endless = yield* Effect.forkChild(
        server.infer(
          makeModel(1, () =>
            Effect.never, { shadow }),
          request([1])
        ),
        {
          startImmediately: true
        }
      )
      yield* Fiber.interrupt(endless)
      yield* server.infer(makeModel(1, times(1), { shadow }), request([1]))
      assert.deepStrictEqual(yield* settle(second, 1), { ...none, same: 1 })
    }))

  it.effect("is compared by tensors where the client asked for classes", () =>
    Effect.gen(function*() {
      const second = makeModel(2, times(1.001))
      const tolerance = { absolute: 0, relative: 0.01 }
      const first = makeModel(1, times(1), { shadow: shadowOf(Result.succeed(second), { tolerance }) })
      const server = yield* open()
      const answer = yield* server.infer(first, request([1, 2], { outputs: [{ name: "Y", classification: 1 }] }))
      assert.strictEqual(answer.outputs[0]?.datatype, "BYTES")
      assert.deepStrictEqual(yield* settle(second, 1), { ...none, same: 1 })
    }))

  it.effect("gives its memory back once it was compared", () =>
    Effect.gen(function*() {
      let released = 0
      const second = makeModel(2, (job) => Effect.sync(() => result(valuesOf(job), () => released++)))
      const first = makeModel(1, times(1), { shadow: shadowOf(Result.succeed(second)) })
      yield* (yield* open()).infer(first, request([1]))
      yield* settle(second, 1)
      assert.strictEqual(released, 1)
    }))

  it.effect("drops what is beyond the bounds, and takes more once some is done", () =>
    Effect.gen(function*() {
      for (
        const bounds of [
          { maxInflightRequests: 2, maxInflightBytes: 1e6 },
          // Each request is 4 bytes of input and 4 bytes of output.
          { maxInflightRequests: 100, maxInflightBytes: 16 }
        ]
      ) {
        let gate = yield* Deferred.make<void>()
        const second = makeModel(2, (job) => Effect.andThen(Deferred.await(gate), times(1)(job)))
        const first = makeModel(1, times(1), { shadow: shadowOf(Result.succeed(second)) })
        const server = yield* open({ shadow: bounds })
        for (let i = 0; i < 5; i++) yield* server.infer(first, request([i]))
        assert.deepStrictEqual(second.statistics.counts().shadows, { ...none, dropped: 3 })
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* settle(second, 5), { ...none, same: 2, dropped: 3 })
        yield* Effect.yieldNow
        gate = yield* Deferred.make<void>()
        yield* server.infer(first, request([9]))
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* settle(second, 6), { ...none, same: 3, dropped: 3 })
      }
    }))

  it.effect("copies nothing for a version that takes no requests, fails before it runs, or is the one that answered", () =>
    Effect.gen(function*() {
      const server = yield* open()
      const sick = makeModel(2, () => Effect.die("it is not asked"), { healthy: () => false })
      yield* server.infer(makeModel(1, times(1), { shadow: shadowOf(Result.succeed(sick)) }), request([1]))
      assert.deepStrictEqual(sick.statistics.counts().shadows, { ...none, dropped: 1 })

      const absent = new Books("m", 2, () => 0)
      const lookup: Lookup = Result.fail({
        _tag: "NotResident",
        message: "",
        name: "m",
        version: 2,
        load: Effect.die("it is not loaded for this"),
        healthy: () => true,
        statistics: () => absent
      })
      yield* server.infer(makeModel(1, times(1), { shadow: shadowOf(lookup) }), request([1]))
      assert.deepStrictEqual(absent.counts().shadows, { ...none, dropped: 1 })

      const itself: Model = makeModel(1, times(1), {
        shadow: shadowOf(Result.succeed(makeModel(1, () => Effect.die("it is not asked"))))
      })
      yield* server.infer(itself, request([1]))
      for (let i = 0; i < 10; i++) yield* Effect.yieldNow
      assert.deepStrictEqual(itself.statistics.counts().shadows, none)
    }))

  it.effect("gets no steps of sequences", () =>
    Effect.gen(function*() {
      const second = makeModel(2, times(1))
      const first = makeModel(1, times(1), { shadow: shadowOf(Result.succeed(second)) })
      const server = yield* open()
      yield* server.infer(first, request([1], { sequence: { id: 1n, start: true, end: true } }))
      yield* server.infer(first, request([1]))
      assert.deepStrictEqual(yield* settle(second, 1), { ...none, same: 1 })
      for (let i = 0; i < 10; i++) yield* Effect.yieldNow
      assert.deepStrictEqual(second.statistics.counts().shadows, { ...none, same: 1 })
    }))

  it.effect("never fails a client, whatever it does", () =>
    Effect.gen(function*() {
      const { layer, told } = messages()
      const failures: ReadonlyArray<readonly [Model, keyof typeof none, string | undefined]> = [
        [
          makeModel(2, () => Effect.fail(new ExecutionFailed({ model: "m", message: "no memory" }))),
          "failed",
          "Model 'm': version 2 in the shadow fails where version 1 answered: no memory"
        ],
        [
          makeModel(3, () => Effect.fail(new QueueFull({ model: "m", message: "full", capacity: 1 }))),
          "dropped",
          undefined
        ],
        [makeModel(4, () => Effect.fail(new Stopping({ message: "stopping" }))), "dropped", undefined],
        [makeModel(5, () => Effect.die(new Error("bug"))), "failed", "Model 'm': version 5 broke in the shadow"],
        [
          makeModel(6, times(1), { signature: signature("Z") }),
          "failed",
          "Model 'm': version 6 in the shadow fails where version 1 answered: " +
          "unexpected inference input 'X' for model 'm'"
        ]
      ]
      yield* Effect.gen(function*() {
        const server = yield* open()
        for (const [second, outcome, message] of failures) {
          told.length = 0
          const first = makeModel(1, times(1), { shadow: shadowOf(Result.succeed(second)) })
          assert.strictEqual((yield* server.infer(first, request([1]))).modelVersion, "1")
          assert.deepStrictEqual(yield* settle(second, 1), { ...none, [outcome]: 1 })
          yield* Effect.yieldNow
          assert.deepStrictEqual(told, message === undefined ? [] : [message])
        }
      }).pipe(Effect.provide(layer))
    }))

  it.effect("is told of in one message a minute, without contents of tensors", () =>
    Effect.gen(function*() {
      const { layer, told } = messages()
      yield* Effect.gen(function*() {
        const server = yield* open()
        const second = makeModel(2, times(1.25))
        const first = makeModel(1, times(1), { shadow: shadowOf(Result.succeed(second)) })
        for (let i = 0; i < 3; i++) yield* server.infer(first, request([0, 4, 8]))
        yield* settle(second, 3)
        yield* TestClock.adjust("1 minute")
        yield* server.infer(first, request([4]))
        yield* settle(second, 4)
      }).pipe(Effect.provide(layer))
      const text = "Model 'm': version 2 in the shadow answers otherwise than version 1: output 'Y' differs in "
      assert.deepStrictEqual(told, [
        `${text}2 elements, first in element 1, by at most 2`,
        `${text}1 element, first in element 0, by at most 1 (2 more since the last)`
      ])
    }))

  it.effect("tells what is missing or has another shape", () =>
    Effect.gen(function*() {
      const { layer, told } = messages()
      yield* Effect.gen(function*() {
        const server = yield* open()
        for (
          const second of [
            makeModel(2, () => Effect.succeed({ ...result([]), outputs: [] })),
            makeModel(3, () => Effect.succeed(result([1, 2])))
          ]
        ) {
          const first = makeModel(1, times(1), { shadow: shadowOf(Result.succeed(second)) })
          yield* server.infer(first, request([1]))
          assert.deepStrictEqual(yield* settle(second, 1), { ...none, different: 1 })
        }
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(told.map((message) => message.split(": ").at(-1)), [
        "it has no output 'Y'",
        "output 'Y' has the shape [2] instead of [1]"
      ])
    }))

  it.effect("ends with the server, without being waited for", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const begun = yield* Deferred.make<void>()
      const second = makeModel(2, () =>
        Effect.andThen(Deferred.succeed(begun, undefined), Effect.never).pipe(
          Effect.onInterrupt(() => Effect.sync(() => interrupted++))
        ))
      const first = makeModel(1, times(1), { shadow: shadowOf(Result.succeed(second)) })
      const scope = yield* Scope.make()
      const server = yield* Scope.provide(open(), scope)
      yield* server.infer(first, request([1]))
      yield* Deferred.await(begun)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(interrupted, 1)
    }))

  it.effect("runs nothing of a request that failed", () =>
    Effect.gen(function*() {
      const second = makeModel(2, times(1))
      const first = makeModel(1, () => Effect.fail(new ExecutionFailed({ model: "m", message: "no" })), {
        shadow: shadowOf(Result.succeed(second))
      })
      const server = yield* open()
      yield* Effect.flip(server.infer(first, request([1])))
      for (let i = 0; i < 10; i++) yield* Effect.yieldNow
      assert.deepStrictEqual(second.statistics.counts().shadows, none)
    }))
})

describe("A request that is divided among versions", () => {
  it.effect("is answered by the version that its route finds, which may have to load first", () =>
    Effect.gen(function*() {
      const server = yield* open()
      let resident = false
      const second = makeModel(2, times(2))
      const absent: Lookup = Result.fail({
        _tag: "NotResident",
        message: "",
        name: "m",
        version: 2,
        load: Effect.sync(() => {
          resident = true
        }),
        healthy: () => true,
        statistics: () => undefined
      })
      const asked: Array<InferenceRequest> = []
      const base = makeModel(1, times(1), {
        route: (request) => {
          asked.push(request)
          return () => resident ? Result.succeed(second) : absent
        }
      })
      const sent = request([1], { deadlineMicros: 1e6 })
      for (let i = 0; i < 2; i++) assert.strictEqual((yield* server.infer(base, sent)).modelVersion, "2")
      assert.deepStrictEqual(asked, [sent, sent])
    }))

  it.effect("is divided again where its version has stopped taking work", () =>
    Effect.gen(function*() {
      const server = yield* open()
      const third = makeModel(3, times(1))
      const base = makeModel(3, () => Effect.die("not asked"), { route: () => () => Result.succeed(third) })
      const second = makeModel(2, () => Effect.fail(new Stopping({ message: "stopping" })), {
        again: () => Result.succeed(base)
      })
      assert.strictEqual((yield* server.infer(second, request([1]))).modelVersion, "3")
    }))
})
