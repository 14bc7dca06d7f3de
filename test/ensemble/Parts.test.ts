import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { Draft } from "../../src/schema/ModelConfig.ts"
import * as Values from "../../src/schema/Tensor.ts"
import type { JobFailure } from "../../src/services/Scheduler.ts"
import { bool, FakeModels, floats, infer, int64, integers, io, parameters, step, tensor } from "./FakeModels.ts"

const started = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkScoped(effect, { startImmediately: true })
const longs = (name: string) => io(name, { data_type: "TYPE_INT64", dims: [-1, -1] })
const flag = (name: string, optional = false) => io(name, { data_type: "TYPE_BOOL", dims: [1], optional })

/** A model of batches whose rows have these dimensions, whose answer adds a row's values up. */
const sums = (name: string, dims: ReadonlyArray<number> = [-1]): Draft => ({
  name,
  max_batch_size: 8,
  input: [io("x", { dims })],
  output: [io("y", { dims: [1] })]
})

const fanOut = (said: Readonly<Record<string, string>>, change: Draft = {}): Draft => ({
  name: "e",
  input: [io("IN", { dims: [-1, -1] })],
  output: [io("OUT", { dims: [-1, -1] })],
  parameters: parameters(said),
  ensemble_scheduling: { step: [step("a", { x: "IN" }, { y: "OUT" })] },
  ...change
})

const rows = tensor("IN", [1, 2, 3, 4, 5, 6], [3, 2])

describe("fan-out", () => {
  it.effect(
    "asks once for each row, and gathers the answers in the order of the rows",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      fakes.add({ config: sums("a") })
      const model = yield* fakes.ensemble(fanOut({ "galatea.fan_out.0": "IN" }))
      const fiber = yield* started(infer(model, { inputs: [rows] }))
      assert.deepStrictEqual(
        fakes.asked.map(({ job: { inputs } }) => [inputs[0]!.shape, floats(inputs[0]!)]),
        [[[1, 2], [1, 2]], [[1, 2], [3, 4]], [[1, 2], [5, 6]]]
      )
      for (const { job } of fakes.asked) assert.strictEqual(job.inputs[0]!.data.buffer, rows.data.buffer)
      for (const part of [2, 0, 1]) fakes.asked[part]!.answer([tensor("y", [part * 10], [1, 1])])
      const { outputs, timing } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([outputs[0]!.name, outputs[0]!.shape, floats(outputs[0]!)], ["OUT", [3, 1], [0, 10, 20]])
      assert.strictEqual(timing.computeInferNanos, 600)
      assert.deepStrictEqual(fakes.asked.map(({ released }) => released), [1, 1, 1])
    })
  )

  it.effect(
    "divides flat tensors by their shapes, and gives other inputs whole",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      fakes.add({
        config: { name: "a", input: [io("x", { dims: [-1, -1] }), io("z")], output: [io("y")] },
        run: ({ inputs }) => [tensor("y", [inputs[0]!.shape.length, ...inputs[0]!.shape, ...floats(inputs[1]!)])]
      })
      const model = yield* fakes.ensemble(fanOut({ "galatea.fan_out.0": "IN@S", "galatea.gather.0": "OUT@LONG" }, {
        input: [io("IN"), longs("S"), io("ALL")],
        output: [io("OUT"), longs("LONG")],
        ensemble_scheduling: { step: [step("a", { x: "IN", z: "ALL" }, { y: "OUT" })] }
      }))
      const { outputs: [long, out] } = yield* infer(model, {
        inputs: [tensor("IN", [1, 2, 3, 4, 5, 6, 7, 8]), int64("S", [[1, 2], [3, 2], [0, 5]]), tensor("ALL", [9])]
      })
      assert.deepStrictEqual(
        fakes.asked.map(({ job: { inputs } }) => [inputs[0]!.shape, floats(inputs[0]!)]),
        [[[1, 2], [1, 2]], [[3, 2], [3, 4, 5, 6, 7, 8]], [[0, 5], []]]
      )
      assert.deepStrictEqual([out!.shape, floats(out!)], [[12], [2, 1, 2, 9, 2, 3, 2, 9, 2, 0, 5, 9]])
      assert.deepStrictEqual([long!.datatype, long!.shape, integers(long!)], ["INT64", [3, 1], [4, 4, 4]])
    })
  )

  it.effect(
    "of what was gathered flat gives each part its shape again",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      fakes.add({
        config: { name: "a", max_batch_size: 4, input: [io("x")], output: [io("y")] },
        run: (
          { inputs }
        ) => [tensor("y", floats(inputs[0]!).slice(0, floats(inputs[0]!)[0]), [1, floats(inputs[0]!)[0]!])]
      })
      fakes.add({ config: sums("b"), run: ({ inputs }) => [tensor("y", [floats(inputs[0]!).length], [1, 1])] })
      const model = yield* fakes.ensemble(fanOut({
        "galatea.fan_out.0": "IN",
        "galatea.gather.0": "t@s",
        "galatea.fan_out.1": "t@s"
      }, { ensemble_scheduling: { step: [step("a", { x: "IN" }, { y: "t" }), step("b", { x: "t" }, { y: "OUT" })] } }))
      const { outputs } = yield* infer(model, { inputs: [tensor("IN", [2, 9, 1, 9], [2, 2])] })
      assert.deepStrictEqual(fakes.asked.slice(2).map(({ job }) => job.inputs[0]!.shape).toSorted(), [[1, 1], [1, 2]])
      assert.deepStrictEqual([outputs[0]!.shape, floats(outputs[0]!)], [[2, 1], [2, 1]])
    })
  )

  it.effect(
    "divides strings",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      const text = (name: string, dims: ReadonlyArray<number>) => io(name, { data_type: "TYPE_STRING", dims })
      fakes.add({
        config: { name: "a", input: [text("x", [1, 2])], output: [text("y", [1, 1])] },
        run: ({ inputs }) => [Values.fromStrings("y", [1, 1], [Values.values(inputs[0]!, "BYTES").join("+")])]
      })
      const model = yield* fakes.ensemble(fanOut({ "galatea.fan_out.0": "IN" }, {
        input: [text("IN", [-1, 2])],
        output: [text("OUT", [-1, 1])]
      }))
      const { outputs } = yield* infer(model, {
        inputs: [Values.fromStrings("IN", [2, 2], ["a", "bcd", "", "ü"])]
      })
      assert.deepStrictEqual(outputs.map(({ shape }) => shape), [[2, 1]])
      assert.deepStrictEqual(Values.values(outputs[0]!, "BYTES"), ["a+bcd", "+ü"])
    })
  )

  it.effect(
    "without any parts asks nobody, and gathers nothing of the right shape",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      fakes.add({ config: sums("a") })
      const model = yield* fakes.ensemble(fanOut({ "galatea.fan_out.0": "IN" }))
      const { outputs } = yield* infer(model, { inputs: [tensor("IN", [], [0, 2])] })
      assert.deepStrictEqual(outputs.map(({ data, datatype, shape }) => [datatype, shape, data.byteLength]), [["FP32", [
        0,
        1
      ], 0]])
      assert.lengthOf(fakes.asked, 0)

      fakes.add({ config: { name: "v", max_batch_size: 8, input: [io("x")], output: [io("y")] } })
      const steps = { step: [step("v", { x: "IN" }, { y: "OUT" })] }
      const vague = yield* fakes.ensemble(
        fanOut({ "galatea.fan_out.0": "IN" }, { name: "vague", ensemble_scheduling: steps })
      )
      assert.strictEqual(
        (yield* Effect.flip(infer(vague, { inputs: [tensor("IN", [], [0, 2])] }))).message,
        "in ensemble 'vague', tensor 'OUT' is gathered from no parts, and the shape [-1,-1] of output 'y' does not tell what that " +
          "comes to: gather it with its shapes, 'OUT@‹shapes›' (step 0, model 'v')"
      )
      const flat = yield* fakes.ensemble(fanOut({ "galatea.fan_out.0": "IN", "galatea.gather.0": "OUT@S" }, {
        name: "flat",
        output: [io("OUT"), longs("S")],
        ensemble_scheduling: steps
      }))
      const both = yield* infer(flat, { inputs: [tensor("IN", [], [0, 2])] })
      assert.deepStrictEqual(both.outputs.map(({ name, shape }) => [name, shape]), [["OUT", [0]], ["S", [0, 1]]])
    })
  )

  it.effect(
    "ends the other parts where one fails",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      fakes.add({ config: sums("a") })
      const model = yield* fakes.ensemble(fanOut({ "galatea.fan_out.0": "IN" }))
      const fiber = yield* started(infer(model, { inputs: [rows] }))
      fakes.asked[0]!.answer([tensor("y", [1], [1, 1])])
      fakes.asked[2]!.fail()
      assert.strictEqual(
        (yield* Effect.flip(Fiber.join(fiber))).message,
        "in ensemble 'e', a broke (step 0, model 'a')"
      )
      assert.deepStrictEqual(fakes.asked.map(({ released, state }) => [state, released]), [
        ["answered", 1],
        ["interrupted", 0],
        ["failed", 0]
      ])
    })
  )

  it.effect(
    "keeps to max_inflight_requests, part by part",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      fakes.add({ config: sums("a") })
      const model = yield* fakes.ensemble(fanOut({ "galatea.fan_out.0": "IN" }, {
        ensemble_scheduling: { step: [step("a", { x: "IN" }, { y: "OUT" })], max_inflight_requests: 2 }
      }))
      const fiber = yield* started(infer(model, { inputs: [rows] }))
      assert.lengthOf(fakes.asked, 2)
      fakes.asked[1]!.answer([tensor("y", [2], [1, 1])])
      assert.lengthOf(fakes.asked, 3)
      fakes.asked[2]!.answer([tensor("y", [3], [1, 1])])
      fakes.asked[0]!.answer([tensor("y", [1], [1, 1])])
      assert.deepStrictEqual((yield* Fiber.join(fiber)).outputs.map(floats), [[1, 2, 3]])
    })
  )

  it.effect(
    "gives parts no sequence",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      fakes.add({ config: sums("a") })
      const model = yield* fakes.ensemble(fanOut({ "galatea.fan_out.0": "IN" }))
      yield* started(infer(model, { inputs: [rows], sequence: { id: 1n, start: true, end: true } }))
      assert.deepStrictEqual(fakes.asked.map(({ request }) => request.sequence), [undefined, undefined, undefined])
    })
  )

  const refusals: ReadonlyArray<
    readonly [
      string,
      Readonly<Record<string, string>>,
      ReadonlyArray<number>,
      ReadonlyArray<ReadonlyArray<number>>,
      string
    ]
  > = [
    [
      "too many rows",
      { "galatea.fan_out.0": "IN", "galatea.max_fan_out.0": "2" },
      [3, 2],
      [[1, 1]],
      "tensor 'IN' has 3 parts, but the step takes at most 2 for one request: raise 'galatea.max_fan_out.0' where more are meant"
    ],
    [
      "too many shapes",
      { "galatea.fan_out.0": "IN@S", "galatea.max_fan_out.0": "1" },
      [2],
      [[1, 1], [1, 1]],
      "tensor 'IN' has 2 parts, but the step takes at most 1 for one request: raise 'galatea.max_fan_out.0' where more are meant"
    ],
    [
      "elements left over",
      { "galatea.fan_out.0": "IN@S" },
      [3],
      [[1, 2]],
      "tensor 'IN' has 3 elements, but the shapes in 'S' make 2"
    ],
    [
      "no shape",
      { "galatea.fan_out.0": "IN@S" },
      [3],
      [[1, -3]],
      "tensor 'S' tells the shape [1,-3] of part 0, which is none"
    ]
  ]
  it.effect.each(refusals)("refuses: %s", ([, said, shape, shapes, expected]) =>
    Effect.gen(function*() {
      const fakes = new FakeModels()
      fakes.add({ config: sums("a", [-1, -1]) })
      const model = yield* fakes.ensemble(fanOut(said, {
        input: [io("IN", { dims: shape.map(() => -1) }), longs("S")]
      }))
      const count = shape.reduce((product, dim) => product * dim, 1)
      const failure = yield* Effect.flip(infer(model, {
        inputs: [tensor("IN", new Array(count).fill(0), [...shape]), int64("S", shapes)]
      }))
      assert.strictEqual(failure._tag, "InvalidRequest")
      assert.strictEqual(failure.message, `in ensemble 'e', ${expected} (step 0, model 'a')`)
      assert.lengthOf(fakes.asked, 0)
    }))

  it.effect(
    "refuses inputs that are divided into different numbers of parts, and what is no list of shapes",
    Effect.fnUntraced(
      function*() {
        const fakes = new FakeModels()
        fakes.add({ config: { ...sums("a"), input: [io("x"), io("z")] } })
        const two = (fan: string) =>
          fanOut({ "galatea.fan_out.0": fan }, {
            name: fan,
            input: [io("IN", { dims: [-1, -1] }), io("MORE", { dims: [-1, -1] })],
            ensemble_scheduling: { step: [step("a", { x: "IN", z: "MORE" }, { y: "OUT" })] }
          })
        const inputs = [rows, tensor("MORE", [1, 2], [1, 2])]
        assert.strictEqual(
          (yield* Effect.flip(infer(yield* fakes.ensemble(two("IN,MORE")), { inputs }))).message,
          "in ensemble 'IN,MORE', tensors 'IN' and 'MORE' are to be divided alike, but have 3 and 1 parts (step 0, model 'a')"
        )
        assert.strictEqual(
          (yield* Effect.flip(infer(yield* fakes.ensemble(two("IN@MORE")), { inputs }))).message,
          "in ensemble 'IN@MORE', tensor 'MORE' tells the shapes of parts: expected INT64 of the shape [parts,rank], got FP32 of " +
            "[1,2] (step 0, model 'a')"
        )
      }
    )
  )

  it.effect(
    "refuses answers that do not go together",
    Effect.fnUntraced(function*() {
      const fakes = new FakeModels()
      fakes.add({ config: { name: "a", max_batch_size: 8, input: [io("x")], output: [io("y")] } })
      const model = yield* fakes.ensemble(fanOut({ "galatea.fan_out.0": "IN" }))
      const fiber = yield* started(infer(model, { inputs: [rows] }))
      fakes.asked[0]!.answer([tensor("y", [1, 2], [1, 2])])
      fakes.asked[1]!.answer([tensor("y", [1, 2], [1, 2])])
      fakes.asked[2]!.answer([tensor("y", [1, 2, 3], [1, 3])])
      assert.strictEqual(
        (yield* Effect.flip(Fiber.join(fiber))).message,
        "in ensemble 'e', tensor 'OUT' is gathered from parts of different shapes, [1,2] of part 0 and [1,3] of part 2, which do " +
          "not make rows: gather it with its shapes, 'OUT@‹shapes›' (step 0, model 'a')"
      )
      const lacking = yield* started(infer(model, { inputs: [rows] }))
      fakes.asked[3]!.answer([])
      fakes.asked[4]!.answer([tensor("y", [1, 2], [1, 2])])
      fakes.asked[5]!.answer([])
      assert.strictEqual(
        (yield* Effect.flip(Fiber.join(lacking))).message,
        "in ensemble 'e', tensor 'OUT' is in the answers to 1 of 3 parts only (step 0, model 'a')"
      )
      assert.isTrue(fakes.asked.every(({ released }) => released === 1))
    })
  )
})

describe("a condition", () => {
  /** `a`, and where FLAG says so `b` behind it and `c` behind that; `d` needs `a` and takes what `c` made. */
  const conditional = (condition: string, optional: boolean) =>
    Effect.suspend(() => {
      const fakes = new FakeModels()
      const one = { input: [io("x")], output: [io("y")] }
      for (const name of ["a", "b", "c"]) fakes.add({ config: { name, ...one } })
      fakes.add({ config: { name: "d", input: [io("x"), io("z", { optional })], output: [io("y")] } })
      return Effect.map(
        fakes.ensemble({
          name: "e",
          input: [io("IN"), flag("FLAG", true)],
          output: [io("C"), io("D"), io("A")],
          parameters: parameters({ "galatea.condition.1": condition }),
          ensemble_scheduling: {
            step: [
              step("a", { x: "IN" }, { y: "A" }),
              step("b", { x: "A" }, { y: "u" }),
              step("c", { x: "u" }, { y: "C" }),
              step("d", { x: "A", z: "C" }, { y: "D" })
            ]
          }
        }),
        (model) => ({ fakes, model })
      )
    })
  const inputs = (value: boolean) => [tensor("IN", [1]), bool("FLAG", value)]
  const names = (fiber: Fiber.Fiber<{ readonly outputs: ReadonlyArray<{ readonly name: string }> }, JobFailure>) =>
    Effect.map(Fiber.join(fiber), ({ outputs }) => outputs.map(({ name }) => name))

  it.effect(
    "that holds lets the step run",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* conditional("FLAG", true)
      const fiber = yield* started(infer(model, { inputs: inputs(true) }))
      for (const name of ["a", "b", "c", "d"]) fakes.last(name).answer()
      assert.deepStrictEqual(yield* names(fiber), ["A", "C", "D"])
    })
  )

  it.effect(
    "that does not skips the step and those that cannot do without it",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* conditional("FLAG", true)
      const fiber = yield* started(infer(model, { inputs: inputs(false) }))
      fakes.last("a").answer()
      assert.deepStrictEqual(fakes.last("d").job.inputs.map(({ name }) => name), ["x"])
      fakes.last("d").answer()
      const response = yield* Fiber.join(fiber)
      assert.deepStrictEqual(response.outputs.map(({ name }) => name), ["A", "D"])
      assert.deepStrictEqual(fakes.asked.map(({ model }) => model), ["a", "d"])
      response.release()
      assert.deepStrictEqual(fakes.asked.map(({ released }) => released), [1, 1])
    })
  )

  it.effect(
    "may be negated; without all that it wrote the answer may be empty of it",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* conditional("!FLAG", false)
      const fiber = yield* started(infer(model, { inputs: inputs(true) }))
      fakes.last("a").answer()
      assert.deepStrictEqual(yield* names(fiber), ["A"])
      assert.deepStrictEqual(fakes.asked.map(({ model }) => model), ["a"])
    })
  )

  it.effect(
    "that is absent, or no single BOOL, fails the ensemble",
    Effect.fnUntraced(function*() {
      const { fakes, model } = yield* conditional("FLAG", true)
      const fiber = yield* started(infer(model, { inputs: [tensor("IN", [1])] }))
      fakes.last("a").answer()
      assert.strictEqual(
        (yield* Effect.flip(Fiber.join(fiber))).message,
        "in ensemble 'e', tensor 'FLAG' is to tell whether the step runs, but is absent (step 1, model 'b')"
      )
      const other = yield* conditional("A", true)
      const wrong = yield* started(infer(other.model, { inputs: inputs(true) }))
      other.fakes.last("a").answer()
      assert.strictEqual(
        (yield* Effect.flip(Fiber.join(wrong))).message,
        "in ensemble 'e', tensor 'A' is to tell whether the step runs: expected one element of BOOL, got FP32 of [1] (step 1, " +
          "model 'b')"
      )
    })
  )
})
