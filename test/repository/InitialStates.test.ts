import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as InitialStates from "../../src/layers/repository/internal/InitialStates.ts"
import * as BytesElements from "../../src/schema/BytesElements.ts"
import { parse } from "./config/Stages.ts"
import * as TemporaryRepository from "./TemporaryRepository.ts"

const state = (fields: string, type = "TYPE_INT16") =>
  `sequence_batching { state { input_name: "S" output_name: "T" data_type: ${type} ${fields} } }`
const file = (name: string, dims = "[ 2 ]", type = "TYPE_INT16") =>
  state(`dims: ${dims} initial_state { name: "i" data_type: ${type} dims: ${dims} data_file: "${name}" }`, type)

const read = Effect.fnUntraced(
  function*(text: string, files: TemporaryRepository.Tree = {}, shape: ReadonlyArray<number> = [-1, 2]) {
    const directory = yield* TemporaryRepository.make({ "m/config.pbtxt": "", ...files })
    return yield* InitialStates.read({
      config: parse(`name: "m" ${text}`),
      directory: `${directory}/m`,
      inputs: [{ name: "S", datatype: "INT16", shape }]
    })
  },
  Effect.scoped,
  Effect.provide(TemporaryRepository.platform)
)

const refusal = (text: string, files?: TemporaryRepository.Tree) =>
  Effect.map(
    Effect.flip(read(text, files)),
    ({ code, message }) => `${code} ${message.replaceAll(/\/\S*?\/m(?=[/:])/g, "/m")}`
  )

describe("InitialStates", () => {
  it.effect("begin with zeros, and free dimensions with 1", () =>
    Effect.gen(function*() {
      const [found] = yield* read(`max_batch_size: 4 ${state("dims: [ 2, -1 ]")}`)
      assert.deepStrictEqual(found, {
        input: "S",
        output: "T",
        datatype: "INT16",
        dims: [2, -1],
        batchAxis: 0,
        sameBuffer: false,
        initial: { dims: [2, 1], data: new Uint8Array(4) }
      })
    }))

  it.effect("take free dimensions from initial_state, also none at all", () =>
    Effect.gen(function*() {
      const initial = (dims: string) =>
        state(`dims: [ 2, -1 ] initial_state { name: "i" dims: ${dims} zero_data: true }`)
      const [three] = yield* read(initial("[ 2, 3 ]"))
      assert.deepStrictEqual(three!.initial, { dims: [2, 3], data: new Uint8Array(12) })
      const [none] = yield* read(initial("[ 2, 0 ]"))
      assert.deepStrictEqual(none!.initial, { dims: [2, 0], data: new Uint8Array(0) })
    }))

  it.effect("are read from initial_state/, as many bytes as it takes", () =>
    Effect.gen(function*() {
      const [found] = yield* read(file("a/f"), { "m/initial_state/a/f": Uint8Array.of(1, 2, 3, 4, 5) })
      assert.deepStrictEqual([...found!.initial.data], [1, 2, 3, 4])
      assert.strictEqual(
        yield* refusal(file("f"), { "m/initial_state/f": Uint8Array.of(1, 2, 3) }),
        "INVALID_ARG initial_state setting expects 4 bytes, but the data provided from fonly has 3 bytes."
      )
    }))

  it.effect("are strings with their lengths", () =>
    Effect.gen(function*() {
      const text = file("f", "[ 2 ]", "TYPE_STRING")
      const [empty] = yield* read(state("dims: [ 2 ]", "TYPE_STRING"))
      assert.deepStrictEqual(BytesElements.texts(empty!.initial.data), ["", ""])
      const [found] = yield* read(text, { "m/initial_state/f": BytesElements.encode(["a", "longer"]) })
      assert.deepStrictEqual(BytesElements.texts(found!.initial.data), ["a", "longer"])
      const start =
        "INVALID_ARG initial_state setting expects 2 string elements for state input 'S', each a length of 4 bytes and " +
        "that many bytes, but the data provided from f "
      assert.strictEqual(yield* refusal(text, { "m/initial_state/f": BytesElements.encode(["a"]) }), `${start}has 1`)
      assert.strictEqual(
        yield* refusal(text, { "m/initial_state/f": BytesElements.encode(["a", "b"]).slice(0, 9) }),
        `${start}ends within one`
      )
    }))

  it.effect("lie below initial_state/ of the model", () =>
    Effect.gen(function*() {
      const four = Uint8Array.of(1, 2, 3, 4)
      for (const name of ["../f", "/etc/passwd", "a/../../f"]) {
        assert.strictEqual(
          yield* refusal(file(name), { "m/f": four, "m/initial_state/g": four }),
          `INVALID_ARG initial state of 'S': file '${name}' leads out of /m/initial_state: expected a file below it`
        )
      }
      assert.match(
        yield* refusal(file("f"), { f: four, "m/initial_state/f": { link: "../../f" } }),
        /^INVALID_ARG initial state of 'S': file 'f' leads out of /
      )
      assert.match(
        yield* refusal(file("none"), {}),
        /^INTERNAL initial state of 'S': failed to open text file for read /
      )
    }))

  it.effect("lie in shared memory where they are large", () =>
    Effect.gen(function*() {
      const [found] = yield* read(state("dims: [ 10000 ]"))
      assert.instanceOf(found!.initial.data.buffer, SharedArrayBuffer)
    }))

  it.effect("are bounded, before there is memory for them", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* refusal(state("dims: [ 1000000, 1000000 ]")),
        "INVALID_ARG with state 'S' the initial states of model 'm' have more than the 1073741824 bytes that all may have: make its " +
          "dims smaller"
      )
    }))

  it.effect("have no dims where the model has a scalar, and the batch where a parameter says", () =>
    Effect.gen(function*() {
      const [scalar] = yield* read(state("dims: [ 1 ]"), {}, [])
      assert.deepStrictEqual([scalar!.dims, scalar!.initial.dims, scalar!.batchAxis], [[], [], -1])
      const [second] = yield* read(
        `max_batch_size: 4 ${state("dims: [ 2 ] use_same_buffer_for_input_output: true")} ` +
          "parameters { key: \"galatea.batch_dim.S\" value { string_value: \"1\" } }"
      )
      assert.deepStrictEqual([second!.batchAxis, second!.sameBuffer], [1, true])
    }))
})
