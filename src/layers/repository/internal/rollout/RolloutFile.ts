/** Reads `rollout.json` beside the versions of a model. */
import { Effect, Path, Result } from "effect"
import { PollFailed } from "../../../../schema/Errors.ts"
import * as JsonPlaces from "../../../../schema/JsonPlaces.ts"
import * as Rollout from "../../../../schema/Rollout.ts"
import * as Directory from "../Directory.ts"

/** Name of the file in the directory of a model. @category constants */
export const fileName = "rollout.json"

/** Bytes that the file may have. @category constants */
export const maxBytes = 64 * 1024

/** A rollout that stands by itself, with the file that it was read from. @category models */
export interface RolloutFile {
  readonly rollout: Rollout.Rollout
  readonly file: string
  readonly text: string
}

const failed = (message: string) => new PollFailed({ code: "INVALID_ARG", message })

const decoder = new TextDecoder("utf-8", { fatal: true })

const decodeText = (file: string, bytes: Uint8Array): Result.Result<string, PollFailed> =>
  Result.try({ try: () => decoder.decode(bytes), catch: () => failed(`${file} is not UTF-8`) })

const parse = (file: string, text: string): Result.Result<unknown, PollFailed> =>
  Result.try({
    try: (): unknown => JSON.parse(text),
    catch: (error) => failed(`${file} is no JSON: ${(error as SyntaxError).message}`)
  })

const faulty = (file: string, places: JsonPlaces.Places, { path, problem }: Rollout.Fault): PollFailed => {
  const { column, line } = places.of(path)
  const field = path.length === 0 ? "the file" : `'${JsonPlaces.show(path)}'`
  return failed(`${file}:${line}:${column}: ${field} ${problem}`)
}

/** The rollout that a file's text describes. Pure. Errors: `PollFailed` with file, line, column and field. @category decoding */
export const fromText = (file: string, text: string): Result.Result<RolloutFile, PollFailed> =>
  Result.flatMap(parse(file, text), (json) => {
    const places = JsonPlaces.find(text)
    if (places.duplicate !== undefined) {
      const fault = { path: places.duplicate, problem: "stands there twice; expected each name once" }
      return Result.fail(faulty(file, places, fault))
    }
    return Result.mapBoth(Rollout.fromJson(json), {
      onSuccess: (rollout) => ({ rollout, file, text }),
      onFailure: (fault) => faulty(file, places, fault)
    })
  })

/**
 * The rollout of the model in a directory; `undefined` where there is no `rollout.json`.
 *
 * Errors: `PollFailed` INVALID_ARG with file, line, column, field and what was expected; INTERNAL for a file that cannot be read.
 *
 * @category constructors
 */
export const read = Effect.fnUntraced(function*(directory: string) {
  const path = yield* Path.Path
  const file = path.join(directory, fileName)
  if ((yield* Directory.kindOf(file)) === undefined) return undefined
  const text = decodeText(file, yield* Directory.readBounded(file, maxBytes))
  return yield* Effect.fromResult(Result.flatMap(text, (text) => fromText(file, text)))
})

/** Refuses a rollout that names a version which is not served. @category validation */
export const checkServed = (
  { file, rollout, text }: RolloutFile,
  served: ReadonlyArray<number>
): Result.Result<void, PollFailed> => {
  const fault = Rollout.unserved(rollout, served)
  return fault === undefined ? Result.void : Result.fail(faulty(file, JsonPlaces.find(text), fault))
}
