/**
 * Reads what an ONNX file says of its inputs and outputs, without loading it: weights are passed over, not read.
 *
 * Source: `onnx.proto3` of ONNX 1.17.
 */
import { Effect, FileSystem, type PlatformError, Result } from "effect"
import { LoadFailed } from "../../../../schema/Errors.ts"
import * as DiskError from "../DiskError.ts"
import type { OnnxValue } from "./OnnxValue.ts"
import { readValue } from "./OnnxValue.ts"
import type { Span, Walk } from "./ProtobufWalk.ts"
import { Cursor, drive, eachField, Malformed, runOver, text, windowSize } from "./ProtobufWalk.ts"

export type { OnnxValue, ValueKind } from "./OnnxValue.ts"

/** @category models */
export interface OnnxModelInfo {
  readonly irVersion: number
  /** Versions of the operator sets by domain; the default set is `""`. */
  readonly opsets: ReadonlyMap<string, number>
  /** Inputs that every run needs, in graph order. */
  readonly inputs: ReadonlyArray<OnnxValue>
  /** In graph order. */
  readonly outputs: ReadonlyArray<OnnxValue>
  /** Inputs with a stored value that a run may replace (IR version 4 and later), in graph order. */
  readonly overridableInitializers: ReadonlyArray<OnnxValue>
  /** Files beside the model that hold weights, relative to its folder, in order of first mention. */
  readonly externalDataFiles: ReadonlyArray<string>
  /**
   * Types of the operators in the graph and in all graphs inside of it, such as `Add`, with the domain before those that are not
   * ONNX's own; {@link localFunction} where the model defines operators itself.
   */
  readonly operators: ReadonlySet<string>
}

/** Stands among the operators of a model that defines some itself. @category constants */
export const localFunction = "(local function)"

const limits = {
  /** Levels of graphs inside attributes of nodes; protobuf itself allows 100 levels of messages. */
  depth: 100,
  /** Fields visited: real models stay below a million. */
  fields: 20_000_000,
  /** Inputs, outputs, operator sets, types of operators, files. */
  values: 10_000,
  initializers: 2_000_000,
  /** Bytes of a name, or of the description of one input. */
  text: 1024 * 1024
} as const

type Kind = "model" | "graph" | "node" | "attribute" | "tensor" | "sparse"

const children: Readonly<Record<Kind, Readonly<Record<number, Kind>>>> = {
  model: { 7: "graph" },
  graph: { 1: "node", 5: "tensor", 15: "sparse" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
  tensor: {},
  sparse: { 1: "tensor", 2: "tensor" }
}

interface Frame {
  readonly kind: Kind
  readonly end: number
  /** `true` for the main graph and what in it stands for one of its stored values. */
  readonly main: boolean
  /** Of a node. */
  type?: string
  domain?: string
}

const isDefault = (domain: string | undefined): boolean => domain === undefined || domain === "" || domain === "ai.onnx"

const bounded = (count: number, limit: number, what: string): void => {
  if (count > limit) throw new Malformed(`it has more than ${limit} ${what}`)
}

const readEntry = (bytes: Uint8Array): readonly [key: string, value: string] => {
  let key = ""
  let value = ""
  eachField(bytes, (field, payload) => {
    if (field.wireType !== 2) return
    if (field.number === 1) key = text(payload)
    else if (field.number === 2) value = text(payload)
  })
  return [key, value]
}

const readOperatorSet = (bytes: Uint8Array): readonly [domain: string, version: number] => {
  let domain = ""
  let version = 0
  eachField(bytes, (field, payload) => {
    if (field.number === 1 && field.wireType === 2) domain = text(payload)
    else if (field.number === 2 && field.wireType === 0) version = field.value
  })
  return [domain, version]
}

/** Walks a `ModelProto` of `size` bytes. @category decoding */
export const walk = function*(size: number): Walk<OnnxModelInfo> {
  const cursor = new Cursor(size)
  const frames: Array<Frame> = [{ kind: "model", end: size, main: true }]
  let fields = 0
  let irVersion = 0
  let graphs = 0
  const opsets = new Map<string, number>()
  const inputs: Array<OnnxValue> = []
  const outputs: Array<OnnxValue> = []
  const stored = new Set<string>()
  const externalDataFiles = new Set<string>()
  const operators = new Set<string>()

  const payload = function*(length: number): Walk<Uint8Array> {
    bounded(length, limits.text, "bytes in one name or description")
    return yield* cursor.take(length)
  }

  while (frames.length > 0) {
    const frame = frames[frames.length - 1]!
    if (cursor.position >= frame.end) {
      frames.pop()
      if (frame.type !== undefined) {
        operators.add(isDefault(frame.domain) ? frame.type : `${frame.domain}.${frame.type}`)
        bounded(operators.size, limits.values, "types of operators")
      }
      continue
    }
    bounded(++fields, limits.fields, "fields")
    const field = yield* cursor.field(frame.end)
    const after = cursor.position + field.length
    if (field.wireType === 2) {
      const child = children[frame.kind][field.number]
      if (child !== undefined) {
        bounded(frames.length, limits.depth, "levels of nesting")
        const main = frame.main &&
          (frame.kind === "model" || frame.kind === "graph" && child !== "node" ||
            frame.kind === "sparse" && field.number === 1)
        if (frame.kind === "model") graphs++
        frames.push({ kind: child, end: after, main })
        continue
      }
    }
    if (frame.kind === "model") {
      if (field.number === 1 && field.wireType === 0) irVersion = field.value
      else if (field.number === 8 && field.wireType === 2) {
        opsets.set(...readOperatorSet(yield* payload(field.length)))
        bounded(opsets.size, limits.values, "operator sets")
      } else if (field.number === 25) operators.add(localFunction)
    } else if (frame.kind === "node" && field.wireType === 2) {
      if (field.number === 4) frame.type = text(yield* payload(field.length))
      else if (field.number === 7) frame.domain = text(yield* payload(field.length))
    } else if (frame.kind === "graph" && frame.main && field.wireType === 2) {
      if (field.number === 11) inputs.push(readValue(yield* payload(field.length)))
      else if (field.number === 12) outputs.push(readValue(yield* payload(field.length)))
      bounded(inputs.length, limits.values, "inputs")
      bounded(outputs.length, limits.values, "outputs")
    } else if (frame.kind === "tensor" && field.wireType === 2) {
      if (field.number === 8 && frame.main) {
        stored.add(text(yield* payload(field.length)))
        bounded(stored.size, limits.initializers, "stored tensors")
      } else if (field.number === 13) {
        const [key, value] = readEntry(yield* payload(field.length))
        if (key === "location") externalDataFiles.add(value)
        bounded(externalDataFiles.size, limits.values, "external data files")
      }
    }
    cursor.position = after
  }
  if (graphs === 0) throw new Malformed("it holds no graph")
  return {
    irVersion,
    opsets,
    inputs: inputs.filter((input) => !stored.has(input.name)),
    outputs,
    overridableInitializers: irVersion < 4 ? [] : inputs.filter((input) => stored.has(input.name)),
    externalDataFiles: [...externalDataFiles],
    operators
  }
}

const beginnings: ReadonlyArray<readonly [start: string, advice: string]> = [
  [
    "version https://git-lfs",
    "it is a pointer of Git LFS, and the model itself was not fetched: run `git lfs pull` where it came from"
  ],
  ["PK", "it is a ZIP archive, perhaps a PyTorch model: export it with torch.onnx.export"],
  ["\x89HDF", "it is an HDF5 file, perhaps a Keras model: convert it with tf2onnx"],
  ["<", "it is a web page or XML: fetch the file itself"],
  ["{", "it is JSON: fetch the file itself"]
]

const adviceFor = (head: Uint8Array): string | undefined => {
  const start = String.fromCharCode(...head.subarray(0, 64))
  if (start.slice(4, 8) === "ORTM") {
    return "it is a model in ORT format, and this server reads the ONNX form that it was made from"
  }
  return beginnings.find(([prefix]) => start.startsWith(prefix))?.[1]
}

const notOnnx = (path: string, head: Uint8Array, reason: string): string =>
  `'${path}' is not a complete ONNX model: ${adviceFor(head) ?? reason}. Expected the bytes of an ONNX ModelProto; ` +
  `copy or export the file again`

/** What a model in memory says; the failure is a sentence that names `path`. @category decoding */
export const fromBytes = (path: string, bytes: Uint8Array): Result.Result<OnnxModelInfo, string> => {
  if (bytes.length === 0) return Result.fail(empty(path))
  try {
    return Result.succeed(runOver(bytes, walk(bytes.length)))
  } catch (error) {
    if (error instanceof Malformed) return Result.fail(notOnnx(path, bytes, error.message))
    throw error
  }
}

const empty = (path: string): string => `'${path}' is empty (0 bytes). Expected an ONNX model; copy the file again`

/**
 * What the model file at `path` says, read through a window of 64 KiB.
 *
 * Fails with `LoadFailed` where the file is missing, unreadable, empty, cut short or no ONNX model; the message names the path
 * and what was expected there. The missing file has Triton's text in its first line.
 *
 * @category decoding
 */
export const read = Effect.fn("OnnxReader.read")(function*(options: { readonly model: string; readonly path: string }) {
  const fs = yield* FileSystem.FileSystem
  const { path } = options
  const failed = (message: string) => new LoadFailed({ model: options.model, code: "INTERNAL", message })
  const unreadable = (error: PlatformError.PlatformError) =>
    failed(
      error.reason._tag === "NotFound"
        ? `failed to stat file ${path}\nExpected the model file there: put it in place, or name another one with default_model_filename`
        : `cannot read the model file '${path}': ${DiskError.causeOf(error)}`
    )

  const info = yield* Effect.mapError(fs.stat(path), unreadable)
  if (info.type !== "File") {
    return yield* failed(`'${path}' is no regular file (${info.type}). Expected an ONNX model file`)
  }
  const size = Number(info.size)
  if (size === 0) return yield* failed(empty(path))

  return yield* Effect.scoped(Effect.gen(function*() {
    const file = yield* fs.open(path, { flag: "r" })
    const readSpan = Effect.fnUntraced(function*(offset: number, length: number) {
      const buffer = new Uint8Array(Math.min(Math.max(length, windowSize), size - offset))
      let filled = 0
      while (filled < buffer.length) {
        const count = Number(yield* file.read(buffer.subarray(filled), { position: BigInt(offset + filled) }))
        if (count === 0) break
        filled += count
      }
      return buffer.subarray(0, filled)
    })
    const head = yield* readSpan(0, Math.min(size, 64))
    const read = Effect.fnUntraced(function*({ length, offset }: Span) {
      const bytes = offset + length <= head.length ? head.subarray(offset) : yield* readSpan(offset, length)
      if (bytes.length < length) return yield* failed(`'${path}' became shorter while it was read`)
      return bytes
    })
    const result = yield* drive(walk(size), read)
    return Result.isFailure(result) ? yield* failed(notOnnx(path, head, result.failure)) : result.success
  })).pipe(Effect.catchTag("PlatformError", (error) => Effect.fail(unreadable(error))))
})
