/** The bytes of the tensors of a warm-up: zeros, random ones, or those of a file. */
import { Effect } from "effect"
import { randomFill } from "node:crypto"
import * as BytesElements from "../../../../schema/BytesElements.ts"
import { byteSize, type DataType } from "../../../../schema/DataType.ts"
import { LoadFailed } from "../../../../schema/Errors.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import type { Services } from "../Directory.ts"
import * as FileBelow from "../FileBelow.ts"

/** Bytes that the tensors of all samples of a version may have; a file may have as many. @category constants */
export const maxBytes = 1024 * 1024 * 1024

/** A tensor to be made. @category models */
export interface Wanted {
  readonly model: string
  /** The model's folder: `warmup/` lies in it. */
  readonly directory: string
  readonly input: string
  readonly setting: ModelConfig["model_warmup"][number]["inputs"][string]
  readonly datatype: DataType
  /** Elements of one request. */
  readonly elements: number
  /** Requests whose data it holds. */
  readonly rows: number
  /** Pieces that the data of each request is cut into, where the batch is not the first dimension. */
  readonly blocks: number
}

/** Bytes of one request before its data is known: strings are empty. @category getters */
export const byteLength = (datatype: DataType, elements: number): number =>
  elements * (datatype === "BYTES" ? 4 : byteSize(datatype))

const invalid = ({ model }: Wanted, message: string) => new LoadFailed({ model, code: "INVALID_ARG", message })

const randomBytes = (length: number): Effect.Effect<Uint8Array> =>
  Effect.callback((resume) => {
    // Off the main thread: there may be very many.
    randomFill(new Uint8Array(length), (error, bytes) => {
      resume(error === null ? Effect.succeed(bytes) : Effect.die(error))
    })
  })

const readFile = Effect.fnUntraced(function*(wanted: Wanted, file: string) {
  const { datatype, directory, elements, input, model } = wanted
  const bytes = yield* Effect.mapError(
    FileBelow.read({ directory, folder: "warmup", name: file, maxBytes }),
    ({ code, message }) => new LoadFailed({ model, code, message })
  )
  if (datatype === "BYTES") {
    const count = BytesElements.countWhole(bytes)
    if (count === elements) return bytes
    return yield* invalid(
      wanted,
      `warmup setting expects ${elements} string elements for input '${input}', each a length of 4 bytes and that many ` +
        `bytes, but the data provided from ${file} ${count === undefined ? "ends within one" : `has ${count}`}`
    )
  }
  const size = byteLength(datatype, elements)
  if (bytes.byteLength >= size) return bytes.subarray(0, size)
  // Triton's text, which lacks a blank.
  return yield* invalid(
    wanted,
    `warmup setting expects ${size} bytes, but the data provided from ${file}only has ${bytes.byteLength} bytes`
  )
})

/**
 * The bytes of one request, as often as there are rows: piece by piece, each piece of a row beside those of the others.
 *
 * @category constructors
 */
export const repeat = (
  { blocks, datatype, elements, rows }: Pick<Wanted, "blocks" | "datatype" | "elements" | "rows">,
  data: Uint8Array
): Uint8Array => {
  const repeated = new Uint8Array(data.byteLength * rows)
  const perBlock = elements / blocks
  let from = 0
  let at = 0
  for (let block = 0; block < blocks; block++) {
    const to = datatype === "BYTES"
      ? BytesElements.skip(data, from, perBlock)
      : from + perBlock * byteSize(datatype)
    const piece = data.subarray(from, to)
    for (let row = 0; row < rows; row++, at += piece.byteLength) repeated.set(piece, at)
    from = to
  }
  return repeated
}

/**
 * The bytes of all rows. Strings are never random.
 *
 * Errors: `LoadFailed` INVALID_ARG for a setting or a file that cannot be used, INTERNAL for a file that cannot be read.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(wanted: Wanted): Effect.fn.Return<Uint8Array, LoadFailed, Services> {
  const { datatype, elements, input, rows, setting } = wanted
  const length = byteLength(datatype, elements) * rows
  if (setting.input_data_file !== undefined) {
    const data = yield* readFile(wanted, setting.input_data_file)
    if (data.byteLength * rows <= maxBytes) return rows === 1 ? data : repeat(wanted, data)
    return yield* invalid(
      wanted,
      `warmup setting takes the ${data.byteLength} bytes of ${setting.input_data_file} ${rows} times for input '${input}', which is ` +
        `more than the ${maxBytes} bytes that all samples of a version may have: make the file or 'batch_size' smaller`
    )
  }
  if (setting.random_data !== undefined && datatype !== "BYTES") {
    const data = yield* randomBytes(length)
    // A BOOL that is neither 0 nor 1 is none.
    if (datatype === "BOOL") { for (let i = 0; i < length; i++) data[i] = data[i]! & 1 }
    return data
  }
  if (setting.zero_data !== undefined || setting.random_data !== undefined) return new Uint8Array(length)
  return yield* invalid(wanted, `warmup setting expects input '${input}' to have input_data_type set`)
})
