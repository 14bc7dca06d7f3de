/** Reads the file of API keys, and notices that it has changed. */
import { Effect, Result } from "effect"
import { open, realpath, stat } from "node:fs/promises"
import * as ApiKeys from "../../../schema/ApiKeys.ts"
import { AccessFailed } from "../../../schema/Errors.ts"
import * as JsonPlaces from "../../../schema/JsonPlaces.ts"

/** Bytes that the file may have. */
const maxBytes = 64 * 1024 ** 2

const failed = (message: string): AccessFailed => new AccessFailed({ code: "INVALID_ARG", message })

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

const syntaxOf = (text: string): string | undefined => {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** The message says that the text ends too early. */
const endsEarly = (message: string, length: number): boolean =>
  message.includes("end of JSON") || message.startsWith("Unterminated") ||
  Number(/position (\d+)/.exec(message)?.[1] ?? -1) >= length

/** Where a text stops being the beginning of JSON. The message of `JSON.parse` quotes the text, in which a key may stand. */
const placeOf = (text: string): string => {
  let good = 0
  let bad = text.length
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    const message = syntaxOf(text.slice(0, middle))
    if (message === undefined || endsEarly(message, middle)) good = middle
    else bad = middle
  }
  const before = text.slice(0, good)
  return `${before.split("\n").length}:${good - before.lastIndexOf("\n")}`
}

/** Names of members in a text that is JSON. */
const namesOf = (text: string): number => {
  const name = /"(?:[^"\\]|\\.)*"(\s*:)?/g
  let count = 0
  for (let found = name.exec(text); found !== null; found = name.exec(text)) if (found[1] !== undefined) count++
  return count
}

/** Members of a value and of all in it: fewer than names where a name is there twice. */
const membersOf = (value: unknown): number => {
  if (typeof value !== "object" || value === null) return 0
  const parts: ReadonlyArray<unknown> = Object.values(value)
  let count = Array.isArray(value) ? 0 : parts.length
  for (const part of parts) count += membersOf(part)
  return count
}

/** The keys that a text holds. Errors: `AccessFailed` with file, line, column and field, and without anything of the text. @internal */
export const parse = (file: string, text: string): Result.Result<ReadonlyArray<ApiKeys.ApiKey>, AccessFailed> => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return Result.fail(failed(`${file}:${placeOf(text)}: this is no JSON; expected an object with 'keys'`))
  }
  const faulty = ({ path, problem }: ApiKeys.Fault): AccessFailed => {
    const { column, line } = JsonPlaces.find(text).of(path)
    const field = path.length === 0 ? "the file" : `'${JsonPlaces.show(path)}'`
    return failed(`${file}:${line}:${column}: ${field} ${problem}`)
  }
  // Finding every place takes a while where there are many keys: it is done for a file that is wrong.
  const duplicate = namesOf(text) === membersOf(json) ? undefined : JsonPlaces.find(text).duplicate
  if (duplicate !== undefined) {
    return Result.fail(faulty({ path: duplicate, problem: "stands there twice; expected each name once" }))
  }
  return Result.mapError(ApiKeys.fromJson(json), faulty)
}

/** What tells one content of a file from the next, through links. `undefined`: there is no file to be read. @internal */
export const stamp = (file: string): Effect.Effect<string | undefined> =>
  Effect.promise(async () => {
    try {
      const [path, { ctimeNs, dev, ino, mtimeNs, size }] = await Promise.all([
        realpath(file),
        stat(file, { bigint: true })
      ])
      return [path, dev, ino, size, mtimeNs, ctimeNs].join(" ")
    } catch {
      return undefined
    }
  })

const readText = async (file: string): Promise<string> => {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    if (size > maxBytes) throw new Error(`it has ${size} bytes, and may have ${maxBytes}`)
    return await handle.readFile("utf8")
  } finally {
    await handle.close()
  }
}

/** The keys of a file. Errors: those of `parse`, and a file that cannot be read. @internal */
export const read = (file: string): Effect.Effect<ReadonlyArray<ApiKeys.ApiKey>, AccessFailed> =>
  Effect.flatMap(
    Effect.tryPromise({
      try: () => readText(file),
      catch: (cause) => failed(`the file of API keys ${file} cannot be read: ${messageOf(cause)}`)
    }),
    (text) => Effect.fromResult(parse(file, text))
  )
