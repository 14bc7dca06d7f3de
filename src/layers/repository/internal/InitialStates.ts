/**
 * What the sequences of a version begin with: zeros, or what lies in a file of the model.
 *
 * Source: scheduling §4.8, model-config §3.6.
 */
import { Effect } from "effect"
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import * as BytesElements from "../../../schema/BytesElements.ts"
import { byteSize, type DataType, fromConfigName } from "../../../schema/DataType.ts"
import { LoadFailed } from "../../../schema/Errors.ts"
import type { ModelConfig, SequenceBatching } from "../../../schema/ModelConfig.ts"
import type { SequenceState } from "../../../schema/SequenceState.ts"
import { elementCount } from "../../../schema/Shape.ts"
import type { TensorSpec } from "../../../services/Executor.ts"
import type { Services } from "./Directory.ts"
import * as FileBelow from "./FileBelow.ts"

/** Bytes that the initial states of a version may have, all together. @category constants */
export const maxBytes = 1024 * 1024 * 1024

/** From this size on they lie in shared memory, which instances read without a copy. */
const sharedFrom = 8192

/** The version whose states are read. @category models */
export interface Options {
  readonly config: ModelConfig
  /** The model's folder: `initial_state/` lies in it. */
  readonly directory: string
  /** Inputs as the model has them. */
  readonly inputs: ReadonlyArray<TensorSpec>
}

type State = SequenceBatching["state"][number]

const emptyString = 4

const readFile = Effect.fnUntraced(function*(
  { config: { name: model }, directory }: Options,
  state: State,
  file: string,
  wanted: { readonly datatype: DataType; readonly elements: number; readonly byteLength: number }
) {
  const bytes = yield* Effect.mapError(
    FileBelow.read({ directory, folder: "initial_state", name: file, maxBytes }),
    ({ code, message }) =>
      new LoadFailed({ model, code, message: `initial state of '${state.input_name}': ${message}` })
  )
  const { byteLength, datatype, elements } = wanted
  if (datatype === "BYTES") {
    const count = BytesElements.countWhole(bytes)
    if (count === elements) return bytes
    return yield* new LoadFailed({
      model,
      code: "INVALID_ARG",
      message:
        `initial_state setting expects ${elements} string elements for state input '${state.input_name}', each a length of ` +
        `4 bytes and that many bytes, but the data provided from ${file} ${
          count === undefined ? "ends within one" : `has ${count}`
        }`
    })
  }
  if (bytes.byteLength >= byteLength) return bytes.subarray(0, byteLength)
  // Triton's text, which lacks a blank.
  return yield* new LoadFailed({
    model,
    code: "INVALID_ARG",
    message:
      `initial_state setting expects ${byteLength} bytes, but the data provided from ${file}only has ${bytes.byteLength} bytes.`
  })
})

/** Memory of so many zeros for all sequences to read. */
const memoryOf = (byteLength: number): Uint8Array =>
  new Uint8Array(byteLength < sharedFrom ? new ArrayBuffer(byteLength) : new SharedArrayBuffer(byteLength))

/**
 * The states of a valid config, each with what a sequence begins with. Dimensions of -1 begin with a size of 1, unless an
 * `initial_state` has another.
 *
 * Errors: `LoadFailed` INVALID_ARG for a file that does not hold a state, or lies elsewhere, and for states that are too large;
 * INTERNAL for a file that cannot be read.
 *
 * @category constructors
 */
export const read = Effect.fn("InitialStates.read")(function*(options: Options): Effect.fn.Return<
  ReadonlyArray<SequenceState>,
  LoadFailed,
  Services
> {
  const { config, inputs } = options
  let left = maxBytes
  const read: Array<SequenceState> = []
  for (const state of config.sequence_batching?.state ?? []) {
    const datatype = fromConfigName(String(state.data_type))!.name
    const axis = BatchAxis.of(config, state.input_name)
    // A config can only call a scalar [ 1 ].
    const scalar = inputs.some(({ name, shape }) => name === state.input_name && shape.length === 0)
    const initial = state.initial_state[0]
    const dims = scalar ? [] : initial?.dims ?? state.dims.map((size) => size === -1 ? 1 : size)
    const elements = elementCount(dims)
    const byteLength = elements * (datatype === "BYTES" ? emptyString : byteSize(datatype))
    const spend = (bytes: number) =>
      (left -= bytes) >= 0 ? Effect.void : new LoadFailed({
        model: config.name,
        code: "INVALID_ARG",
        message:
          `with state '${state.input_name}' the initial states of model '${config.name}' have more than the ${maxBytes} bytes ` +
          "that all may have: make its dims smaller"
      })
    yield* spend(byteLength)
    let data = memoryOf(byteLength)
    if (initial?.data_file !== undefined) {
      const found = yield* readFile(options, state, initial.data_file, { datatype, elements, byteLength })
      // Strings of a file are longer than they were known to be.
      yield* spend(found.byteLength - byteLength)
      if (found.byteLength !== byteLength) data = memoryOf(found.byteLength)
      data.set(found)
    }
    read.push({
      input: state.input_name,
      output: state.output_name,
      datatype,
      dims: scalar ? [] : state.dims,
      batchAxis: scalar ? BatchAxis.none : axis,
      sameBuffer: state.use_same_buffer_for_input_output,
      initial: { dims, data }
    })
  }
  return read
})
