/**
 * Lets requests replace stored values of a model: ONNX's overridable initializers, which a config lists as optional inputs.
 *
 * ONNX Runtime's JavaScript binding ignores a value given for one without a word. So the model is opened from a copy in which
 * the stored values are plain inputs, and a request that leaves one out is given the stored value.
 */
import { Effect, FileSystem, Path, Result, type Scope } from "effect"
import { LoadFailed } from "../../../../schema/Errors.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import type { Executor, Instances, ModelPlan } from "../../../../services/Executor.ts"
import * as LeftOvers from "../../../LeftOvers.ts"
import * as OnnxReader from "./OnnxReader.ts"
import { drive, Malformed, windowSize } from "./ProtobufWalk.ts"
import * as StoredValue from "./StoredValue.ts"

/** Bytes of one stored value that may become a default. @category constants */
export const maxDefaultBytes = 256 * 1024 * 1024

const varint = (value: number): Uint8Array => {
  const bytes: Array<number> = []
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  return Uint8Array.from([...bytes, rest])
}

/** What a file consists of after the stored values were taken out: bytes of its own, and ranges of the original. */
const pieces = (size: number, places: StoredValue.Places): ReadonlyArray<Uint8Array | StoredValue.Range> => {
  const removed = [...places.values.values()].map((place) => place.field).toSorted((a, b) => a.start - b.start)
  const kept: Array<StoredValue.Range> = []
  let start = places.graph.start
  for (const field of removed) {
    kept.push({ start, end: field.start })
    start = field.end
  }
  kept.push({ start, end: places.graph.end })
  const length = kept.reduce((sum, range) => sum + range.end - range.start, 0)
  return [
    { start: 0, end: places.graphField.start },
    Uint8Array.of(7 * 8 + 2),
    varint(length),
    ...kept,
    { start: places.graphField.end, end: size }
  ]
}

/** @category models */
export interface Promoted {
  /** The copy; it goes with the scope. */
  readonly path: string
  /** The stored values, to be given to runs that come without them. */
  readonly defaults: ReadonlyArray<Tensor>
  /** Session config entries that the copy needs to find the files that lie beside the original. */
  readonly configEntries: Readonly<Record<string, string>>
}

const copyBytes = 1024 * 1024

/** Fails a step of {@link promote} with a sentence that begins as all of them do. */
const failing = (options: { readonly model: string; readonly path: string }) => {
  const failed = (message: string) =>
    new LoadFailed({
      model: options.model,
      code: "INTERNAL",
      message: `cannot make the optional inputs of '${options.path}' ready: ${message}`
    })
  return { failed, orFail: Effect.mapError((error: { readonly message: string }) => failed(error.message)) }
}

type Failing = ReturnType<typeof failing>

const readRange = Effect.fnUntraced(
  function*(file: FileSystem.File, range: StoredValue.Range, { failed, orFail }: Failing) {
    const bytes = new Uint8Array(range.end - range.start)
    let filled = 0
    while (filled < bytes.length) {
      const position = BigInt(range.start + filled)
      const count = Number(yield* orFail(file.read(bytes.subarray(filled), { position })))
      if (count === 0) return yield* failed(`a file ends before byte ${range.end}`)
      filled += count
    }
    return bytes
  }
)

const decode = (bytes: Uint8Array, { failed }: Failing) =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(StoredValue.decode(bytes))
    } catch (error) {
      return error instanceof Malformed ? Effect.fail(failed(error.message)) : Effect.die(error)
    }
  })

const readDefault = Effect.fnUntraced(function*(
  file: FileSystem.File,
  folder: string,
  name: string,
  place: StoredValue.Place | undefined,
  fail: Failing
): Effect.fn.Return<Tensor, LoadFailed, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const { failed, orFail } = fail
  if (place === undefined) {
    return yield* failed(
      `'${name}' has no stored value in dense form, so there is nothing to use when a request leaves it out`
    )
  }
  const tooLarge = (bytes: number) =>
    failed(`the stored value of '${name}' has ${bytes} bytes, and the limit is ${maxDefaultBytes}`)
  const length = place.tensor.end - place.tensor.start
  if (length > maxDefaultBytes) return yield* tooLarge(length)
  const { data, datatype, shape } = yield* decode(yield* readRange(file, place.tensor, fail), fail)
  if (data instanceof Uint8Array) return { name, datatype, shape, data }
  const wanted = StoredValue.byteLength({ datatype, shape })
  if (!(wanted <= maxDefaultBytes)) return yield* tooLarge(wanted)
  const { location, offset } = data
  const path = paths.join(folder, location)
  const below = paths.relative(folder, path)
  if (location === "" || paths.isAbsolute(location) || below === ".." || below.startsWith(`..${paths.sep}`)) {
    return yield* failed(`the stored value of '${name}' lies in '${location}', which is not below the model's folder`)
  }
  const external = yield* orFail(fs.open(path, { flag: "r" })).pipe(
    Effect.flatMap((source) => readRange(source, { start: offset, end: offset + wanted }, fail)),
    Effect.scoped
  )
  return { name, datatype, shape, data: external }
})

const writeCopy = Effect.fnUntraced(function*(
  file: FileSystem.File,
  parts: ReadonlyArray<Uint8Array | StoredValue.Range>,
  path: string,
  fail: Failing
) {
  const fs = yield* FileSystem.FileSystem
  const copy = yield* fail.orFail(fs.open(path, { flag: "w" }))
  for (const part of parts) {
    if (part instanceof Uint8Array) {
      yield* fail.orFail(copy.writeAll(part))
      continue
    }
    for (let start = part.start; start < part.end; start += copyBytes) {
      const bytes = yield* readRange(file, { start, end: Math.min(part.end, start + copyBytes) }, fail)
      yield* fail.orFail(copy.writeAll(bytes))
    }
  }
}, Effect.scoped)

/**
 * A copy of the model at `path` in which the stored values called `names` are plain inputs.
 *
 * Fails with `LoadFailed` where a value is not stored in dense form, is larger than 256 MiB, or the file cannot be read or
 * copied.
 *
 * @category constructors
 */
export const promote = Effect.fn("OptionalInputs.promote")(function*(options: {
  readonly model: string
  readonly path: string
  readonly names: ReadonlyArray<string>
}): Effect.fn.Return<Promoted, LoadFailed, FileSystem.FileSystem | Path.Path | Scope.Scope> {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const fail = failing(options)
  const info = yield* OnnxReader.read(options)
  const original = yield* fail.orFail(fs.realPath(options.path))
  const folder = paths.dirname(original)
  const path = paths.join(
    yield* fail.orFail(fs.makeTempDirectoryScoped({ prefix: LeftOvers.modelFolderPrefix })),
    "model.onnx"
  )

  const defaults = yield* Effect.scoped(Effect.gen(function*() {
    const file = yield* fail.orFail(fs.open(original, { flag: "r" }))
    const size = Number((yield* fail.orFail(file.stat)).size)
    const found = yield* drive(
      StoredValue.find(size, new Set(options.names)),
      ({ length, offset }) =>
        readRange(file, { start: offset, end: Math.min(size, offset + Math.max(length, windowSize)) }, fail)
    )
    if (Result.isFailure(found)) return yield* fail.failed(found.failure)
    const places = found.success
    const values = yield* Effect.forEach(
      options.names,
      (name) => readDefault(file, folder, name, places.values.get(name), fail)
    )
    yield* writeCopy(file, pieces(size, places), path, fail)
    return values
  }))
  return {
    path,
    defaults,
    configEntries: info.externalDataFiles.length === 0
      ? {}
      : { "session.model_external_initializers_file_folder_path": folder }
  }
})

/** The same instances, which take the defaults for the inputs that a run comes without. @category combinators */
export const withDefaults = (instances: Instances, defaults: ReadonlyArray<Tensor>): Instances => {
  const complete = (inputs: ReadonlyArray<Tensor>): ReadonlyArray<Tensor> => {
    const missing = defaults.filter((value) => !inputs.some((input) => input.name === value.name))
    return missing.length === 0 ? inputs : [...inputs, ...missing]
  }
  return {
    ...instances,
    run: (inputs, outputs) => instances.run(complete(inputs), outputs),
    lend: Effect.map(instances.lend, (instance) => ({
      ...instance,
      start: (inputs, outputs, done) => instance.start(complete(inputs), outputs, done)
    }))
  }
}

/**
 * Opens a plan whose inputs called `optional` are stored values of the model; without any, as the executor does. A custom model knows
 * by itself what to do without them.
 *
 * Fails as {@link promote} and `Executor.open`.
 *
 * @category constructors
 */
export const open = Effect.fn("OptionalInputs.open")(function*(
  executor: Executor["Service"],
  plan: ModelPlan,
  optional: ReadonlyArray<string>
) {
  if (optional.length === 0 || plan.backend === "custom") return yield* executor.open(plan)
  const promoted = yield* promote({ model: plan.model, path: plan.path, names: optional })
  const instances = yield* executor.open({
    ...plan,
    path: promoted.path,
    session: { ...plan.session, configEntries: { ...plan.session.configEntries, ...promoted.configEntries } }
  })
  return withDefaults(instances, promoted.defaults)
})
