import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import {
  DeadlineExceeded,
  InstanceLost,
  type ModelNotReady,
  QueueFull,
  SequenceLost,
  Stopping,
  Unsupported
} from "../../src/schema/Errors.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../src/schema/ModelSignature.ts"
import type { Lookup } from "../../src/services/ModelRepository.ts"
import type { JobFailure } from "../../src/services/Scheduler.ts"
import { FakeModels, floats, infer, io, step, tensor } from "./FakeModels.ts"

const simple = (name: string, inputs = ["x"], outputs = ["y"]) => ({
  config: { name, input: inputs.map((each) => io(each)), output: outputs.map((each) => io(each)) }
})

const started = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkScoped(effect, { startImmediately: true })

const chainConfig: ModelConfig.Draft = {
  name: "chain",
  input: [io("IN")],
  output: [io("OUT")],
  ensemble_scheduling: {
    step: [step("a", { x: "IN" }, { y: "t" }), step("b", { x: "t" }, { y: "u" }), step("c", { x: "u" }, { y: "OUT" })]
  }
}

const diamondConfig: ModelConfig.Draft = {
  name: "diamond",
  input: [io("IN")],
  output: [io("OUT")],
  ensemble_scheduling: {
    step: [
      step("a", { x: "IN" }, { y: "t" }),
      step("b", { x: "t" }, { y: "u" }),
      step("c", { x: "t" }, { y: "v" }),
      step("d", { x: "u", z: "v" }, { y: "OUT" })
    ]
  }
}

const chain = (change: ModelConfig.Draft = {}) =>
  Effect.suspend(() => {
    const fakes = new FakeModels()
    for (const name of ["a", "b", "c"]) fakes.add(simple(name))
    return Effect.map(fakes.ensemble({ ...chainConfig, ...change }), (model) => ({ fakes, model }))
  })

const diamond = (change: ModelConfig.Draft = {}) =>
  Effect.suspend(() => {
    const fakes = new FakeModels()
    for (const name of ["a", "b", "c"]) fakes.add(simple(name))
    fakes.add(simple("d", ["x", "z"]))
    return Effect.map(fakes.ensemble({ ...diamondConfig, ...change }), (model) => ({ fakes, model }))
  })

const released = ({ asked }: FakeModels) => asked.map(({ released }) => released)
const states = ({ asked }: FakeModels) => asked.map(({ model, state }) => `${model} ${state}`)

describe("steps", () => {
  it.effect(
    "run one after another, and give memory back when its last reader is over",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* chain()
      const fiber = yield* started(infer(model))
      assert.deepStrictEqual(fakes.running(), ["a"])
      fakes.last("a").answer()
      assert.deepStrictEqual(fakes.running(), ["b"])
      assert.deepStrictEqual(released(fakes), [0, 0])
      fakes.last("b").answer()
      assert.deepStrictEqual(released(fakes), [1, 0, 0])
      fakes.last("c").answer()
      const response = yield* Fiber.join(fiber)
      assert.deepStrictEqual(response.outputs.map((output) => [output.name, floats(output)]), [["OUT", [4, 5]]])
      assert.deepStrictEqual(released(fakes), [1, 1, 0])
      response.release()
      assert.deepStrictEqual(released(fakes), [1, 1, 1])
    })
  )

  it.effect(
    "get the tensors of others by reference",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* chain()
      yield* started(infer(model))
      const made = tensor("y", [7])
      fakes.last("a").answer([made])
      const [given] = fakes.last("b").job.inputs
      assert.strictEqual(given!.data, made.data)
      assert.strictEqual(given!.name, "x")
    })
  )

  it.effect(
    "run beside each other, and the one that joins them once all are answered",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* diamond()
      const fiber = yield* started(infer(model))
      fakes.last("a").answer()
      assert.deepStrictEqual(fakes.running(), ["b", "c"])
      fakes.last("c").answer([tensor("y", [30])])
      assert.deepStrictEqual(fakes.running(), ["b"])
      assert.deepStrictEqual(released(fakes), [0, 0, 0])
      fakes.last("b").answer([tensor("y", [20])])
      assert.deepStrictEqual(released(fakes), [1, 0, 0, 0])
      assert.deepStrictEqual(
        fakes.last("d").job.inputs.map((input) => [input.name, ...floats(input)]),
        [["x", 20], ["z", 30]]
      )
      fakes.last("d").answer([tensor("y", [1])])
      assert.deepStrictEqual(released(fakes), [1, 1, 1, 0])
      ;(yield* Fiber.join(fiber)).release()
      assert.deepStrictEqual(released(fakes), [1, 1, 1, 1])
    })
  )

  it.effect(
    "whose models answer at once need no turn of the event loop",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      for (const name of ["a", "b", "c"]) {
        fakes.add({ ...simple(name), run: ({ inputs }) => [tensor("y", floats(inputs[0]!))] })
      }
      fakes.add({ ...simple("d", ["x", "z"]), run: ({ inputs }) => [tensor("y", inputs.flatMap(floats))] })
      const model = yield* fakes.ensemble(diamondConfig)
      const { outputs } = yield* infer(model)
      assert.deepStrictEqual(outputs.map(floats), [[1, 2, 1, 2]])
    })
  )

  it.effect(
    "of a chain behind a fork go on by themselves, and new forks begin beside them",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      for (const name of ["a", "b", "c", "d", "e", "f"]) fakes.add(simple(name))
      const model = yield* fakes.ensemble({
        name: "tree",
        input: [io("IN")],
        output: [io("O1"), io("O2"), io("O3")],
        ensemble_scheduling: {
          step: [
            step("a", { x: "IN" }, { y: "t" }),
            step("b", { x: "IN" }, { y: "u" }),
            step("c", { x: "t" }, { y: "v" }),
            step("d", { x: "v" }, { y: "O1" }),
            step("e", { x: "v" }, { y: "O2" }),
            step("f", { x: "u" }, { y: "O3" })
          ]
        }
      })
      const fiber = yield* started(infer(model))
      assert.deepStrictEqual(fakes.running(), ["a", "b"])
      fakes.last("a").answer()
      assert.deepStrictEqual(fakes.running(), ["b", "c"])
      fakes.last("c").answer()
      assert.deepStrictEqual(fakes.running().toSorted(), ["b", "d", "e"])
      fakes.last("d").answer()
      fakes.last("e").answer()
      fakes.last("b").answer()
      fakes.last("f").answer()
      const { outputs } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(outputs.map((output) => [output.name, floats(output)[0]]), [["O1", 4], ["O2", 4], [
        "O3",
        3
      ]])
    })
  )

  it.effect(
    "before outputs that nobody asked for do not run",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      for (const name of ["a", "b", "c"]) fakes.add(simple(name))
      const model = yield* fakes.ensemble({
        name: "fork",
        input: [io("IN")],
        output: [io("OUT1"), io("OUT2")],
        ensemble_scheduling: {
          step: [
            step("a", { x: "IN" }, { y: "t" }),
            step("b", { x: "t" }, { y: "OUT1" }),
            step("c", { x: "t" }, { y: "OUT2" })
          ]
        }
      })
      const fiber = yield* started(infer(model, { outputs: [{ name: "OUT2", classification: 0 }] }))
      fakes.last("a").answer()
      fakes.last("c").answer()
      const { outputs } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(outputs.map(({ name }) => name), ["OUT2"])
      assert.deepStrictEqual(states(fakes), ["a answered", "c answered"])
    })
  )

  it.effect(
    "read outputs of the ensemble that nobody asked for",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      for (const name of ["a", "b"]) fakes.add(simple(name))
      const model = yield* fakes.ensemble({
        name: "through",
        input: [io("IN")],
        output: [io("MID"), io("OUT")],
        ensemble_scheduling: { step: [step("a", { x: "IN" }, { y: "MID" }), step("b", { x: "MID" }, { y: "OUT" })] }
      })
      const fiber = yield* started(infer(model, { outputs: [{ name: "OUT", classification: 0 }] }))
      fakes.last("a").answer()
      fakes.last("b").answer()
      const { outputs } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(outputs.map(({ name }) => name), ["OUT"])
      // Asked for as well, it lives as long as the answer.
      const both = yield* started(infer(model))
      fakes.last("a").answer()
      fakes.last("b").answer()
      const response = yield* Fiber.join(both)
      assert.deepStrictEqual(response.outputs.map(({ name }) => name), ["MID", "OUT"])
      assert.deepStrictEqual(released(fakes), [1, 0, 0, 0])
      response.release()
      assert.deepStrictEqual(released(fakes), [1, 0, 1, 1])
    })
  )

  it.effect(
    "are asked for the outputs that are needed, and by their version",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      fakes.add({ ...simple("a", ["x"], ["y", "z"]), version: 1 })
      fakes.add({ ...simple("a", ["x"], ["y", "z"]), version: 3 })
      const model = yield* fakes.ensemble({
        name: "versions",
        input: [io("IN")],
        output: [io("O1"), io("O2")],
        ensemble_scheduling: {
          step: [step("a", { x: "IN" }, { y: "O1", z: "t" }, -1), step("a", { x: "t" }, { y: "O2" }, 1)]
        }
      })
      yield* started(infer(model, { outputs: [{ name: "O1", classification: 0 }] }))
      assert.deepStrictEqual(fakes.asked.map(({ job, version }) => [version, job.outputs]), [[3, ["y"]]])
      yield* started(infer(model))
      fakes.asked[1]!.answer()
      assert.deepStrictEqual(
        fakes.asked.slice(1).map(({ job, version }) => [version, job.outputs]),
        [[3, ["y", "z"]], [1, ["y"]]]
      )
    })
  )

  it.effect(
    "get id, priority, timeout, parameters and sequence of the request",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* chain()
      const sequence = { id: 7n, start: true, end: false }
      const parameters = new Map([["colour", "red"]])
      const fiber = yield* started(infer(model, { id: "me", priority: 2, timeoutMicros: 50, parameters, sequence }))
      fakes.last("a").answer()
      for (const { request } of fakes.asked) {
        assert.deepStrictEqual(
          [request.id, request.priority, request.timeoutMicros, request.parameters, request.sequence],
          ["me", 2, 50, parameters, sequence]
        )
      }
      fakes.last("b").answer()
      fakes.last("c").answer()
      assert.deepStrictEqual([...(yield* Fiber.join(fiber)).parameters], [
        ["sequence_id", 7],
        ["sequence_start", true],
        ["sequence_end", false]
      ])
    })
  )

  it.effect(
    "whose answers name a sequence hand it to those who read them",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* chain()
      const fiber = yield* started(infer(model))
      assert.isUndefined(fakes.last("a").request.sequence)
      fakes.last("a").answer(
        undefined,
        new Map<string, string | boolean>([["sequence_id", "s"], ["sequence_start", true]])
      )
      assert.deepStrictEqual(fakes.last("b").request.sequence, { id: "s", start: true, end: false })
      fakes.last("b").answer(undefined, new Map([["sequence_end", true]]))
      assert.deepStrictEqual(fakes.last("c").request.sequence, { id: "s", start: true, end: true })
      fakes.last("c").answer()
      assert.deepStrictEqual([...(yield* Fiber.join(fiber)).parameters], [
        ["sequence_id", "s"],
        ["sequence_start", true],
        ["sequence_end", true]
      ])
    })
  )

  it.effect(
    "that name a sequence wrongly fail the ensemble",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* chain()
      const failing = (parameters: ReadonlyMap<string, string | boolean | number>) =>
        Effect.gen(function*() {
          const fiber = yield* started(infer(model))
          fakes.last("a").answer(undefined, parameters)
          return (yield* Effect.flip(Fiber.join(fiber))).message
        })
      assert.strictEqual(
        yield* failing(new Map([["sequence_id", true]])),
        "in ensemble 'chain', expected parameter 'sequence_id' to be TRITONSERVER_PARAMETER_INT or TRITONSERVER_PARAMETER_STRING " +
          "(step 0, model 'a')"
      )
      assert.strictEqual(
        yield* failing(new Map([["sequence_start", 1]])),
        "in ensemble 'chain', expect parameter 'sequence_start' to be TRITONSERVER_PARAMETER_BOOL (step 0, model 'a')"
      )
      assert.deepStrictEqual(released(fakes), [1, 1])
    })
  )

  it.effect(
    "may leave out optional inputs that the client left out",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      fakes.add({ config: { name: "a", input: [io("x"), io("z", { optional: true })], output: [io("y")] } })
      fakes.add(simple("b", ["x", "z"]))
      const ensemble = (name: string, model: string) =>
        fakes.ensemble({
          name,
          input: [io("IN"), io("MORE", { optional: true })],
          output: [io("OUT")],
          ensemble_scheduling: { step: [step(model, { x: "IN", z: "MORE" }, { y: "OUT" })] }
        })
      yield* started(infer(yield* ensemble("fine", "a")))
      assert.deepStrictEqual(fakes.last("a").job.inputs.map(({ name }) => name), ["x"])
      const failure = yield* Effect.flip(infer(yield* ensemble("not", "b")))
      assert.match(
        failure.message,
        /^in ensemble 'not', \[request id: <id_unknown>\] expected 2 inputs but got 1 inputs for model 'b'.*\(step 0, model 'b'\)$/
      )
    })
  )

  it.effect(
    "may leave out outputs: the answer has them not",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      fakes.add(simple("a", ["x"], ["y", "z"]))
      const model = yield* fakes.ensemble({
        name: "partly",
        input: [io("IN")],
        output: [io("O1"), io("O2")],
        ensemble_scheduling: { step: [step("a", { x: "IN" }, { y: "O1", z: "O2" })] }
      })
      const fiber = yield* started(infer(model))
      fakes.last("a").answer([tensor("z", [5])])
      const { outputs } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(outputs.map(({ name }) => name), ["O2"])
    })
  )

  it.effect(
    "may be ensembles",
    Effect.fnUntraced(function*() {
      const { fakes } = yield* chain()
      const outer = yield* fakes.ensemble({
        name: "outer",
        input: [io("A")],
        output: [io("B")],
        ensemble_scheduling: { step: [step("chain", { IN: "A" }, { OUT: "t" }), step("a", { x: "t" }, { y: "B" })] }
      })
      const run = Effect.gen(function*() {
        const fiber = yield* started(infer(outer, { inputs: [tensor("A", [1])] }))
        for (const name of ["a", "b"]) fakes.last(name).answer()
        return fiber
      })
      const good = yield* run
      fakes.last("c").answer()
      fakes.last("a").answer()
      const response = yield* Fiber.join(good)
      assert.deepStrictEqual(response.outputs.map(floats), [[5]])
      response.release()
      const bad = yield* run
      fakes.last("c").fail()
      assert.strictEqual(
        (yield* Effect.flip(Fiber.join(bad))).message,
        "in ensemble 'outer', in ensemble 'chain', c broke (step 2, model 'c') (step 0, model 'chain')"
      )
      assert.isTrue(fakes.asked.every(({ released, state }) => released === (state === "answered" ? 1 : 0)))
    })
  )

  it.effect(
    "may leave an input of the ensemble as an output, in memory of its own",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      fakes.add(simple("a"))
      const model = yield* fakes.ensemble({
        name: "echo",
        input: [io("IN")],
        output: [io("IN"), io("OUT")],
        ensemble_scheduling: { step: [step("a", { x: "IN" }, { y: "OUT" })] }
      })
      const given = tensor("IN", [3])
      const fiber = yield* started(infer(model, { inputs: [given] }))
      fakes.last("a").answer()
      const { outputs } = yield* Fiber.join(fiber)
      given.data.fill(0)
      assert.deepStrictEqual(outputs.map((output) => [output.name, ...floats(output)]), [["IN", 3], ["OUT", 4]])
    })
  )
})

describe("the time of an ensemble", () => {
  it.effect(
    "is that of its longest path, and no time passes between steps",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* diamond()
      for (const [name, millis] of [["a", 2], ["b", 30], ["c", 20], ["d", 5]] as const) {
        const found = fakes.models.get(name)![0]!
        const submit = found.scheduler.submit
        fakes.models.set(name, [{
          ...found,
          scheduler: {
            ...found.scheduler,
            submit: (job) =>
              Effect.andThen(
                Effect.sleep(millis),
                Effect.suspend(() => {
                  const submitted = submit(job)
                  queueMicrotask(() => fakes.last(name).answer())
                  return submitted
                })
              )
          }
        }])
      }
      const fiber = yield* started(infer(model))
      yield* Effect.forEach(Array.from({ length: 37 }), () => TestClock.adjust("1 millis"), { discard: true })
      const { timing } = yield* Fiber.join(fiber)
      assert.strictEqual(timing.wallNanos, 37_000_000)
    })
  )
})

describe("batches between models", () => {
  /** What a step with these dims gets of a tensor of this shape. */
  const given = (
    ensembleBatch: number,
    stepBatch: number,
    dims: ReadonlyArray<number>,
    shape: ReadonlyArray<number>,
    ensembleDims: ReadonlyArray<number>
  ) =>
    Effect.gen(function*() {
      const fakes = new FakeModels()
      fakes.add({
        config: { name: "a", max_batch_size: stepBatch, input: [io("x", { dims })], output: [io("y", { dims })] },
        run: ({ inputs }) => [{ ...inputs[0]!, name: "y" }]
      })
      const model = yield* fakes.ensemble({
        name: "e",
        max_batch_size: ensembleBatch,
        input: [io("IN", { dims: ensembleDims })],
        output: [io("OUT", { dims: ensembleDims })],
        ensemble_scheduling: { step: [step("a", { x: "IN" }, { y: "OUT" })] }
      })
      const count = shape.reduce((product, dim) => product * dim, 1)
      const answer = yield* infer(model, { inputs: [tensor("IN", new Array(count).fill(1), [...shape])] })
      return [fakes.asked[0]!.job.inputs[0]!.shape, answer.outputs[0]!.shape]
    })

  it.effect(
    "a batch is passed whole to a model without, where it fits",
    Effect.fnUntraced(function*() {
      assert.deepStrictEqual(yield* given(4, 0, [-1, 2], [3, 2], [2]), [[3, 2], [3, 2]])
    })
  )

  it.effect(
    "a batch of one is taken off for a model without, and put on again for the answer",
    Effect.fnUntraced(function*() {
      assert.deepStrictEqual(yield* given(4, 0, [2], [1, 2], [2]), [[2], [1, 2]])
    })
  )

  it.effect(
    "a larger batch does not fit a model without",
    Effect.fnUntraced(function*() {
      const failure = yield* Effect.flip(given(4, 0, [2], [3, 2], [2]))
      assert.match(
        failure.message,
        /^in ensemble 'e', .*unexpected shape for input 'x' for model 'a'. Expected \[2\], got \[3,2\]/
      )
    })
  )

  it.effect(
    "a batch of one is put on for a model with",
    Effect.fnUntraced(function*() {
      assert.deepStrictEqual(yield* given(0, 4, [2], [2], [2]), [[1, 2], [2]])
    })
  )

  it.effect(
    "what is a batch already is left as it is",
    Effect.fnUntraced(function*() {
      assert.deepStrictEqual(yield* given(0, 4, [2], [3, 2], [-1, 2]), [[3, 2], [3, 2]])
    })
  )

  it.effect(
    "batches of both stay",
    Effect.fnUntraced(function*() {
      assert.deepStrictEqual(yield* given(4, 4, [2], [3, 2], [2]), [[3, 2], [3, 2]])
    })
  )
})

describe("a step that fails", () => {
  it.effect(
    "ends the others, is named once, and is the ensemble's only failure",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* diamond()
      const fiber = yield* started(infer(model))
      fakes.last("a").answer()
      fakes.last("c").fail()
      const failure = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(failure._tag, "ExecutionFailed")
      assert.strictEqual(failure.message, "in ensemble 'diamond', c broke (step 2, model 'c')")
      assert.deepStrictEqual(states(fakes), ["a answered", "b interrupted", "c failed"])
      assert.deepStrictEqual(released(fakes), [1, 0, 0])
      const counts = model.statistics.counts()
      assert.deepStrictEqual([counts.fail.count, counts.failures.OTHER, counts.success.count], [1, 1, 0])
      assert.strictEqual(fakes.models.get("c")![0]!.statistics.counts().failures.BACKEND, 1)
      assert.strictEqual(fakes.models.get("d")![0]!.statistics.counts().fail.count, 0)
    })
  )

  it.effect(
    "because its model does not take the request counts there once, and as a failure of the ensemble",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* chain()
      const b = fakes.models.get("b")![0]!
      fakes.models.set("b", [{ ...b, signature: ModelSignature.make(ModelConfig.make(simple("b", ["z"]).config)) }])
      const fiber = yield* started(infer(model))
      fakes.last("a").answer()
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "InvalidRequest")
      const invalid = [model, ...["a", "b", "c"].map((name) => fakes.models.get(name)![0]!)].map(({ statistics }) =>
        statistics.counts().refusals.invalid
      )
      assert.deepStrictEqual(invalid, [0, 0, 1, 0])
      assert.strictEqual(b.statistics.counts().fail.count, 0)
      assert.strictEqual(model.statistics.counts().failures.OTHER, 1)
    })
  )

  it.effect(
    "waits for siblings that cannot be ended at once, and drops their answers",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* diamond()
      const native = yield* Deferred.make<void>()
      fakes.models.set("b", [{
        ...fakes.models.get("b")![0]!,
        scheduler: {
          depth: () => ({ waiting: 0, running: 0 }),
          submit: () => Effect.callback(() => Deferred.await(native))
        }
      }])
      const fiber = yield* started(infer(model))
      fakes.last("a").answer()
      fakes.last("c").fail()
      assert.isUndefined(fiber.pollUnsafe())
      assert.deepStrictEqual(released(fakes), [0, 0])
      yield* Deferred.succeed(native, undefined)
      assert.strictEqual(
        (yield* Effect.flip(Fiber.join(fiber))).message,
        "in ensemble 'diamond', c broke (step 2, model 'c')"
      )
      assert.deepStrictEqual(released(fakes), [1, 0])
    })
  )

  const kinds: ReadonlyArray<readonly [JobFailure, expected?: string]> = [
    [new QueueFull({ message: "Exceeds maximum queue size", model: "b", capacity: 3 })],
    [new DeadlineExceeded({ message: "late" })],
    [new Unsupported({ message: "no" })],
    [new InstanceLost({ message: "lost", model: "b", instance: "b_0", begun: true })],
    [new SequenceLost({ message: "lost", model: "b", sequence: "1" })],
    // Otherwise the whole ensemble would be tried again.
    [new Stopping({ message: "stops" }), "ModelNotReady"]
  ]
  it.effect.each(kinds)("keeps its kind: %s", ([failure, expected]) =>
    Effect.gen(function*() {
      const { fakes, model } = yield* chain()
      const fiber = yield* started(infer(model))
      fakes.last("a").answer()
      fakes.last("b").fail(failure)
      const got = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(got._tag, expected ?? failure._tag)
      assert.strictEqual(got.code, failure.code)
      assert.match(got.message, new RegExp(`^in ensemble 'chain', .*${failure.message} \\(step 1, model 'b'\\)$`))
      assert.deepStrictEqual({ ...got, message: "" }, {
        ...failure,
        ...(expected === undefined ? {} : { _tag: expected, code: got.code }),
        message: ""
      })
    }))

  it.effect(
    "by a defect brings it to the caller, and gives memory back",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* diamond()
      const fiber = yield* started(infer(model))
      fakes.last("a").answer()
      fakes.last("c").die("bug")
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.deepStrictEqual(states(fakes), ["a answered", "b interrupted", "c failed"])
      assert.deepStrictEqual(released(fakes), [1, 0, 0])
    })
  )

  it.effect(
    "because its model is missing fails before any step runs",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* chain()
      fakes.models.delete("c")
      const failure = yield* Effect.flip(infer(model))
      assert.strictEqual(failure._tag, "ModelNotFound")
      assert.strictEqual(
        failure.message,
        "in ensemble 'chain', Request for unknown model: 'c' is not found (step 2, model 'c')"
      )
      assert.deepStrictEqual(fakes.asked, [])
      // Nor is it missed where nobody needs it.
      const pruned = yield* fakes.ensemble({ ...chainConfig, name: "pruned", output: [io("OUT"), io("u")] })
      yield* started(infer(pruned, { outputs: [{ name: "u", classification: 0 }] }))
      assert.deepStrictEqual(fakes.running(), ["a"])
    })
  )
})

describe("a caller that goes away", () => {
  it.effect(
    "ends every step, and memory is given back",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* diamond()
      const fiber = yield* started(infer(model))
      fakes.last("a").answer()
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(states(fakes), ["a answered", "b interrupted", "c interrupted"])
      assert.deepStrictEqual(released(fakes), [1, 0, 0])
      const counts = model.statistics.counts()
      assert.deepStrictEqual([counts.fail.count, counts.failures.CANCELED], [1, 1])
    })
  )

  it.effect(
    "ends a step that is alone",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* chain()
      const fiber = yield* started(infer(model))
      fakes.last("a").answer()
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(states(fakes), ["a answered", "b interrupted"])
      assert.deepStrictEqual(released(fakes), [1, 0])
    })
  )
})

describe("deadlines", () => {
  it.effect(
    "give each step the time that is left, and none to a step for which nothing is",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* chain()
      const fiber = yield* started(infer(model, { deadlineMicros: 10_000 }))
      assert.strictEqual(fakes.last("a").job.deadlineMicros, 10_000)
      yield* TestClock.adjust("4 millis")
      fakes.last("a").answer()
      assert.strictEqual(fakes.last("b").job.deadlineMicros, 6000)
      yield* TestClock.adjust("6 millis")
      fakes.last("b").answer()
      const failure = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(failure._tag, "DeadlineExceeded")
      assert.strictEqual(
        failure.message,
        "in ensemble 'chain', the deadline of the request, 10 ms after its arrival, passed before the step began (step 2, model 'c')"
      )
      assert.deepStrictEqual(states(fakes), ["a answered", "b answered"])
      assert.deepStrictEqual(released(fakes), [1, 1])
    })
  )
})

describe("models that load when they are asked for", () => {
  it.effect(
    "are all loaded before the first step runs",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      for (const name of ["a", "b", "c"]) fakes.add(simple(name))
      const loaded = yield* Deferred.make<void, ModelNotReady>()
      const asked: Array<string> = []
      const lookup = (name: string, version: string): Lookup =>
        name === "a" || loaded.effect !== undefined
          ? fakes.lookup(name, version)
          : Result.fail({
            _tag: "NotResident",
            message: "not here",
            name,
            version: 1,
            load: Effect.suspend(() => {
              asked.push(name)
              return Deferred.await(loaded)
            }),
            healthy: () => true,
            statistics: () => undefined
          })
      const model = yield* fakes.ensemble(chainConfig, { lookup })
      const fiber = yield* started(infer(model))
      assert.deepStrictEqual(asked, ["b", "c"])
      assert.deepStrictEqual(fakes.asked, [])
      yield* Deferred.succeed(loaded, undefined)
      yield* Effect.yieldNow
      assert.deepStrictEqual(fakes.running(), ["a"])
      yield* Fiber.interrupt(fiber)
    })
  )
})

describe("max_inflight_requests", () => {
  const limited = (max: number) =>
    chain({ ensemble_scheduling: { ...chainConfig.ensemble_scheduling, max_inflight_requests: max } })

  it.effect(
    "bounds each step over all requests, first come first served",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* limited(1)
      for (const value of [10, 20, 30]) yield* started(infer(model, { inputs: [tensor("IN", [value])] }))
      const given = () => fakes.asked.map(({ job, model }) => `${model} ${floats(job.inputs[0]!)[0]}`)
      assert.deepStrictEqual(given(), ["a 10"])
      fakes.last("a").answer()
      assert.deepStrictEqual(given().toSorted(), ["a 10", "a 20", "b 11"])
      fakes.last("a").answer()
      assert.deepStrictEqual(given().slice(3), ["a 30"])
      fakes.last("b").answer()
      assert.deepStrictEqual(given().slice(4).toSorted(), ["b 21", "c 12"])
    })
  )

  it.effect(
    "passes the place on when a step fails, and when a caller that waits or runs goes away",
    Effect.fnUntraced(
      function*() {
        const { fakes, model } = yield* limited(1)
        const [first, second, third, fourth] = yield* Effect.forEach([1, 2, 3, 4], () => started(infer(model)))
        yield* Fiber.interrupt(second!)
        assert.lengthOf(fakes.asked, 1)
        fakes.asked[0]!.fail()
        yield* Fiber.await(first!)
        assert.lengthOf(fakes.asked, 2)
        yield* Fiber.interrupt(third!)
        assert.deepStrictEqual(states(fakes), ["a failed", "a interrupted", "a running"])
        yield* Fiber.interrupt(fourth!)
        yield* started(infer(model))
        assert.deepStrictEqual(fakes.running(), ["a"])
      }
    )
  )

  it.effect(
    "keeps deadlines of those who wait",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* limited(1)
      yield* started(infer(model))
      const late = yield* started(infer(model, { deadlineMicros: 5000 }))
      yield* TestClock.adjust("5 millis")
      assert.strictEqual((yield* Effect.flip(Fiber.join(late)))._tag, "DeadlineExceeded")
      yield* started(infer(model))
      fakes.last("a").answer()
      assert.deepStrictEqual(fakes.running().toSorted(), ["a", "b"])
    })
  )

  it.effect(
    "bounds those who wait",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      for (const name of ["a", "b", "c"]) fakes.add(simple(name))
      const model = yield* fakes.ensemble(
        { ...chainConfig, ensemble_scheduling: { ...chainConfig.ensemble_scheduling, max_inflight_requests: 1 } },
        { maxQueueSize: 1 }
      )
      yield* started(infer(model))
      yield* started(infer(model))
      const failure = yield* Effect.flip(infer(model))
      assert.strictEqual(failure._tag, "QueueFull")
      assert.strictEqual(failure.message, "in ensemble 'chain', Exceeds maximum queue size (step 0, model 'a')")
    })
  )
})

describe("statistics", () => {
  it.effect(
    "sum up the work of all steps, and keep it apart from the time on the wall",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* diamond({ max_batch_size: 0 })
      const fiber = yield* started(infer(model))
      yield* TestClock.adjust("1 millis")
      fakes.last("a").answer()
      assert.deepStrictEqual([model.statistics.counts().pending, model.statistics.counts().executing], [0, 1])
      fakes.last("b").answer()
      fakes.last("c").answer()
      yield* TestClock.adjust("2 millis")
      fakes.last("d").answer()
      const { timing } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        [
          timing.queueNanos,
          timing.computeInputNanos,
          timing.computeInferNanos,
          timing.computeOutputNanos,
          timing.wallNanos
        ],
        [0, 40, 800, 120, 3_000_000]
      )
      const counts = model.statistics.counts()
      assert.deepStrictEqual(counts.success, { count: 1, nanos: 3_000_000n })
      assert.deepStrictEqual(counts.queue, { count: 1, nanos: 0n })
      assert.deepStrictEqual(counts.computeInfer, { count: 1, nanos: 800n })
      assert.deepStrictEqual([counts.inferenceCount, counts.executionCount, counts.executing], [1, 1, 0])
      assert.deepStrictEqual(counts.batches, [{
        batchSize: 1,
        count: 1,
        computeInputNanos: 40n,
        computeInferNanos: 800n,
        computeOutputNanos: 120n
      }])
    })
  )

  it.effect(
    "count the rows of a request",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      fakes.add({
        config: { name: "a", max_batch_size: 8, input: [io("x")], output: [io("y")] },
        run: ({ inputs }) => [{ ...inputs[0]!, name: "y" }]
      })
      const model = yield* fakes.ensemble({
        name: "e",
        max_batch_size: 8,
        input: [io("IN")],
        output: [io("OUT")],
        ensemble_scheduling: { step: [step("a", { x: "IN" }, { y: "OUT" })] }
      })
      const { timing } = yield* infer(model, { inputs: [tensor("IN", [1, 2, 3], [3, 1])] })
      assert.strictEqual(timing.batchRows, 3)
      const { batches, executionCount, inferenceCount } = model.statistics.counts()
      assert.deepStrictEqual([inferenceCount, executionCount, batches[0]!.batchSize], [3, 1, 3])
    })
  )
})

describe("closing", () => {
  it.effect(
    "refuses, and waits for requests that were accepted",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      for (const name of ["a", "b", "c"]) fakes.add(simple(name))
      const scope = yield* Scope.make()
      const model = yield* Scope.provide(fakes.ensemble(chainConfig), scope)
      const fiber = yield* started(infer(model))
      const closing = yield* started(Scope.close(scope, Exit.void))
      const refused = yield* Effect.flip(infer(model))
      assert.strictEqual(refused._tag, "Stopping")
      assert.strictEqual(model.statistics.counts().refusals.stopping, 1)
      for (const name of ["a", "b", "c"]) {
        assert.isUndefined(closing.pollUnsafe())
        fakes.last(name).answer()
      }
      yield* Fiber.join(fiber)
      yield* Fiber.join(closing)
    })
  )
})

describe("a config without an ensemble", () => {
  it.effect(
    "is refused",
    Effect.fnUntraced(function*() {
      const failure = yield* Effect.flip(new FakeModels().ensemble({ name: "e" }))
      assert.strictEqual(failure.message, "ensemble scheduling must be set for ensemble e whose platform is ensemble")
    })
  )
})
