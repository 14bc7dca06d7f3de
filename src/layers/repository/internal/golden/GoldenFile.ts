/** Reads the golden requests of a version: `‹version›/golden/‹name›.json`, and the files that they name. */
import { Effect, Path, Result, Schema } from "effect"
import * as BytesElements from "../../../../schema/BytesElements.ts"
import { byteSize } from "../../../../schema/DataType.ts"
import { LoadFailed } from "../../../../schema/Errors.ts"
import { GoldenRequest, type GoldenTensor } from "../../../../schema/GoldenRequest.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import * as Npy from "../../../../schema/npy/Npy.ts"
import { NpyFault } from "../../../../schema/npy/NpyFault.ts"
import * as Shape from "../../../../schema/Shape.ts"
import * as Directory from "../Directory.ts"
import * as FileBelow from "../FileBelow.ts"
import * as Elements from "./Elements.ts"

/** Bytes of a golden request's JSON; more belongs into files of its own. @category constants */
export const maxJsonBytes = 4 * 1024 * 1024

/** Bytes of all golden requests of a version with their files. @category constants */
export const maxBytes = 1024 * 1024 * 1024

/** Golden requests of a version. @category constants */
export const maxRequests = 1000

/** A golden request with its tensors. @category models */
export interface GoldenFile {
  /** The file without `.json`. */
  readonly name: string
  readonly content: GoldenRequest
  readonly inputs: ReadonlyArray<Tensor>
  /** The expected tensors, in the order of `content.response.outputs`. */
  readonly outputs: ReadonlyArray<Tensor>
}

/** The version that is read. @category models */
export interface Options {
  readonly model: string
  readonly version: number
  /** The model's folder. */
  readonly directory: string
}

const decode = Schema.decodeUnknownResult(GoldenRequest, { onExcessProperty: "error" })

/** A sentence about one golden request of a version. @category errors */
export const failed = ({ model, version }: Pick<Options, "model" | "version">, name: string, message: string) =>
  new LoadFailed({
    model,
    code: "INVALID_ARG",
    message: `golden request '${name}' of model '${model}' version ${version}: ${message}`
  })

/** The bytes of a `.npy` file, or what is wrong with it. */
const fromNpy = (file: Uint8Array, { datatype, shape }: GoldenTensor): Result.Result<Uint8Array, string> => {
  let array: Npy.NpyArray
  try {
    array = Npy.read(file)
  } catch (error) {
    if (error instanceof NpyFault) return Result.fail(`the file ${error.message}`)
    throw error
  }
  const { data, datatype: found } = array
  // NumPy has no BF16: its bits come as UINT16.
  if (found !== datatype && !(datatype === "BF16" && found === "UINT16")) {
    return Result.fail(`the file holds ${found}, expected ${datatype}`)
  }
  if (Shape.show(array.shape) !== Shape.show(shape)) {
    return Result.fail(`the file holds the shape ${Shape.show(array.shape)}, expected ${Shape.show(shape)}`)
  }
  return Result.succeed(
    ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : BytesElements.encode(data as ReadonlyArray<string | Uint8Array>)
  )
}

/** The bytes of a file that holds nothing else, or what is wrong with them. */
const fromRaw = (file: Uint8Array, { datatype, shape }: GoldenTensor): Result.Result<Uint8Array, string> => {
  const elements = Shape.elementCount(shape)
  if (datatype === "BYTES") {
    const found = BytesElements.countWhole(file)
    return found === elements
      ? Result.succeed(file)
      : Result.fail(
        `the file ${
          found === undefined ? "ends within a string" : `has ${found} strings`
        }, expected ${elements}, each a ` +
          "length of 4 bytes and that many bytes"
      )
  }
  const size = elements * byteSize(datatype)
  return file.byteLength === size
    ? Result.succeed(file)
    : Result.fail(
      `the file has ${file.byteLength} bytes, expected ${size} for ${datatype} of the shape ${Shape.show(shape)}`
    )
}

const fromJson = (
  values: ReadonlyArray<unknown>,
  { datatype, shape }: GoldenTensor
): Result.Result<Uint8Array, string> => {
  const flat = Elements.flatten(values)
  if (flat === undefined) return Result.fail(`its lists lie more than ${Elements.maxDepth} deep within each other`)
  const elements = Shape.elementCount(shape)
  return flat.length === elements
    ? Elements.encode(datatype, flat)
    : Result.fail(`it has ${flat.length} elements, expected ${elements} for the shape ${Shape.show(shape)}`)
}

type ReadFile = (name: string, maxBytes: number) => Effect.Effect<Uint8Array, LoadFailed, Directory.Services>

const readTensor = Effect.fnUntraced(
  function*(tensor: GoldenTensor, readFile: ReadFile, fault: (message: string) => LoadFailed) {
    const { data, data_file: file, datatype, name, shape } = tensor
    if ((data === undefined) === (file === undefined)) {
      return yield* fault(`expected either 'data' or 'data_file', got ${data === undefined ? "neither" : "both"}`)
    }
    const bytes = file === undefined ? undefined : yield* readFile(file, maxBytes)
    const read = bytes === undefined
      ? fromJson(data!, tensor)
      : Npy.isNpy(bytes)
      ? fromNpy(bytes, tensor)
      : fromRaw(bytes, tensor)
    const where = file === undefined ? "'data'" : `'${file}'`
    const found = yield* Effect.mapError(Effect.fromResult(read), (reason) => fault(`${where}: ${reason}`))
    return { name, datatype, shape, data: found } satisfies Tensor
  }
)

const readOne = Effect.fnUntraced(function*(name: string, options: Options, readFile: ReadFile) {
  const text = yield* readFile(`${name}.json`, maxJsonBytes)
  const fault = (message: string) => failed(options, name, message)
  const json = yield* Effect.mapError(
    Effect.fromResult(Elements.parseJson(new TextDecoder().decode(text))),
    (reason) => fault(`'${name}.json' is no JSON: ${reason}`)
  )
  const content = yield* Effect.mapError(
    Effect.fromResult(decode(json)),
    (error) => fault(`'${name}.json' is not as expected: ${error.message.replaceAll(/\n\s*/g, " ")}`)
  )
  const tensors = (kind: string, given: ReadonlyArray<GoldenTensor>) =>
    Effect.forEach(
      given,
      (tensor) => readTensor(tensor, readFile, (message) => fault(`${kind} '${tensor.name}': ${message}`))
    )
  return {
    name,
    content,
    inputs: yield* tensors("input", content.request.inputs),
    outputs: yield* tensors("output", content.response.outputs)
  } satisfies GoldenFile
})

/**
 * The golden requests of a version, by name; none where it has no folder for them.
 *
 * Errors: `LoadFailed` INVALID_ARG for a file that is not as expected, INTERNAL for one that cannot be read.
 *
 * @category constructors
 */
export const readAll = Effect.fn("GoldenFile.readAll")(function*(options: Options): Effect.fn.Return<
  ReadonlyArray<GoldenFile>,
  LoadFailed,
  Directory.Services
> {
  const { directory, model, version } = options
  const path = yield* Path.Path
  const folder = path.join(String(version), "golden")
  const place = path.join(directory, folder)
  if ((yield* Directory.kindOf(place)) !== "Directory") return []
  const entries = yield* Effect.mapError(
    Directory.list(place),
    ({ code, message }) => new LoadFailed({ model, code, message })
  )
  const names = entries.flatMap(({ kind, name }) =>
    kind !== "Directory" && name.endsWith(".json") ? [name.slice(0, -".json".length)] : []
  )
  if (names.length > maxRequests) {
    return yield* new LoadFailed({
      model,
      code: "INVALID_ARG",
      message: `model '${model}' version ${version} has ${names.length} golden requests in ${place}, more than the ` +
        `${maxRequests} that a version may have`
    })
  }
  let left = maxBytes
  return yield* Effect.forEach(names, (name) => {
    const readFile: ReadFile = Effect.fnUntraced(function*(file, most) {
      const bytes = yield* Effect.mapError(
        FileBelow.read({ directory, folder, name: file, maxBytes: Math.min(most, left) }),
        ({ code, message }) =>
          new LoadFailed({
            model,
            code,
            message: `golden request '${name}' of model '${model}' version ${version}: ${message}`
          })
      )
      left -= bytes.byteLength
      return bytes
    })
    return readOne(name, options, readFile)
  })
})
