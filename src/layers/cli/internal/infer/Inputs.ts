/** The inputs of `galatea infer`: `name=value`, with what the model says about them. */
import { Effect, type FileSystem, type Result } from "effect"
import * as DataType from "../../../../schema/DataType.ts"
import type { ModelMetadata, TensorMetadata } from "../../../../schema/Metadata.ts"
import * as Npy from "../../../../schema/npy/Npy.ts"
import { NpyFault } from "../../../../schema/npy/NpyFault.ts"
import { nearest } from "../../../../schema/proto/Suggestion.ts"
import { Unreadable } from "../RunningServer.ts"
import * as Literal from "./Literal.ts"
import * as Shape from "./Shape.ts"

/** What the client takes. @internal */
export interface Input {
  readonly datatype: DataType.DataType
  readonly shape: ReadonlyArray<number>
  readonly data: Npy.NpyArray["data"] | ReadonlyArray<unknown>
}

/** @internal */
export interface Inputs {
  readonly inputs: Readonly<Record<string, Input>>
  /** What was done to shapes, as sentences. */
  readonly notes: ReadonlyArray<string>
}

const fail = (message: string) => new Unreadable({ message })

const quoted = (tensors: ReadonlyArray<TensorMetadata>): string =>
  tensors.map(({ datatype, name, shape }) => `${name} ${datatype}[${shape.join(",")}]`).join(", ")

/** Reads every `name=value`; the name may be left out where the model has one input. @internal */
export const read = Effect.fnUntraced(function*(
  texts: ReadonlyArray<string>,
  metadata: ModelMetadata,
  files: FileSystem.FileSystem
): Effect.fn.Return<Inputs, Unreadable> {
  const inputs: Record<string, Input> = {}
  const notes: Array<string> = []
  for (const text of texts) {
    const { name, value } = split(text, metadata)
    const tensor = metadata.inputs.find((input) => input.name === name)
    if (tensor === undefined) {
      const meant = nearest(name, metadata.inputs.map((input) => input.name))
      return yield* fail(
        `Model '${metadata.name}' has no input '${name}'.${meant === undefined ? "" : ` Did you mean '${meant}'?`} ` +
          `It takes ${quoted(metadata.inputs)}.`
      )
    }
    if (Object.hasOwn(inputs, name)) return yield* fail(`Input '${name}' was given twice.`)
    const row = DataType.fromName(tensor.datatype)
    if (row === undefined) {
      return yield* fail(`Input '${name}' has the datatype ${tensor.datatype}, which is not known here.`)
    }
    const given = value.startsWith("@")
      ? yield* fromFile(name, row.name, value.slice(1), files)
      : yield* fromLiteral(name, row.name, Literal.fromText(row.name, value))
    const fitted = yield* Effect.mapError(Effect.fromResult(Shape.fit(name, given.shape, tensor.shape)), fail)
    inputs[name] = { datatype: row.name, shape: fitted.shape, data: given.data }
    if (fitted.note !== undefined) notes.push(fitted.note)
  }
  return { inputs, notes }
})

const split = (text: string, { inputs }: ModelMetadata): { readonly name: string; readonly value: string } => {
  const [only] = inputs
  const at = text.indexOf("=")
  const name = at === -1 ? text : text.slice(0, at)
  const named = at !== -1 && (inputs.length !== 1 || name === only!.name)
  return named || inputs.length !== 1
    ? { name, value: at === -1 ? "" : text.slice(at + 1) }
    : { name: only!.name, value: text }
}

interface Given {
  readonly shape: ReadonlyArray<number>
  readonly data: Input["data"]
}

const fromLiteral = (
  name: string,
  datatype: DataType.DataType,
  literal: Result.Result<Literal.Literal, string>,
  where = ""
): Effect.Effect<Given, Unreadable> =>
  Effect.fromResult(literal).pipe(
    Effect.mapError((reason) => fail(`The value of input '${name}'${where} cannot be read as ${datatype}: ${reason}.`)),
    Effect.map(({ shape, values }) => ({ shape, data: values }))
  )

const fromFile = Effect.fnUntraced(function*(
  name: string,
  datatype: DataType.DataType,
  path: string,
  files: FileSystem.FileSystem
): Effect.fn.Return<Given, Unreadable> {
  const bytes = yield* files.readFile(path).pipe(
    Effect.mapError((error) => fail(`The file '${path}' of input '${name}' cannot be read: ${error.message}`))
  )
  if (!Npy.isNpy(bytes)) {
    if (path.endsWith(".npy")) return yield* fail(`The file '${path}' of input '${name}' is no .npy file.`)
    return yield* fromLiteral(name, datatype, Literal.fromJson(new TextDecoder().decode(bytes)), ` in '${path}'`)
  }
  const array = yield* Effect.try({
    try: () => Npy.read(bytes),
    catch: (error) => {
      if (error instanceof NpyFault) return fail(`The file '${path}' of input '${name}' ${error.message}.`)
      throw error
    }
  })
  // NumPy has no BF16: its bits come as UINT16.
  if (array.datatype !== datatype && !(datatype === "BF16" && array.datatype === "UINT16")) {
    return yield* fail(
      `Input '${name}' takes ${datatype}, and the file '${path}' holds ${array.datatype}. Convert it before it is saved: ` +
        `array.astype(numpy.${numpyNames[datatype]}).`
    )
  }
  return array
})

const numpyNames: Readonly<Record<DataType.DataType, string>> = {
  BOOL: "bool_",
  UINT8: "uint8",
  UINT16: "uint16",
  UINT32: "uint32",
  UINT64: "uint64",
  INT8: "int8",
  INT16: "int16",
  INT32: "int32",
  INT64: "int64",
  FP16: "float16",
  FP32: "float32",
  FP64: "float64",
  BYTES: "str_",
  BF16: "uint16"
}
