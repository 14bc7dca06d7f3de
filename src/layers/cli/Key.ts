/** `galatea key create`: makes an API key, shows it once, and prints the entry by which the server knows it. */
import { Effect, Result } from "effect"
import { hash, randomBytes } from "node:crypto"
import * as ApiKeys from "../../schema/ApiKeys.ts"
import * as JsonPlaces from "../../schema/JsonPlaces.ts"
import { CliFailure } from "./CliFailure.ts"
import type { Output } from "./internal/Output.ts"

/** What a key may do. @category models */
export interface Options {
  readonly id: string
  /** Names of models, in which `*` stands for any characters. */
  readonly models: ReadonlyArray<string>
  readonly verbs: ReadonlyArray<string>
  /** Such as `2030-12-31T00:00:00Z`; `undefined`: it does not expire. */
  readonly expires: string | undefined
  readonly requestsPerSecond: number | undefined
  readonly burst: number | undefined
  readonly quota: number | undefined
  readonly quotaWindowSeconds: number
}

/** By which people, and programs that look for leaked secrets, know a key. */
const prefix = "galatea_"

/** Of a key: nobody can try them all, so that its hash needs no salt and no slowness. */
const randomness = 32

const words = (text: ReadonlyArray<string>): ReadonlyArray<string> =>
  text.flatMap((part) => part.split(",")).map((part) => part.trim()).filter((part) => part !== "")

const entryOf = (key: string, options: Options) => ({
  id: options.id,
  hash: `sha256:${hash("sha256", key, "hex")}`,
  scopes: [{ models: words(options.models), verbs: words(options.verbs) }],
  ...(options.expires === undefined ? {} : { expires: options.expires }),
  ...(options.requestsPerSecond === undefined ? {} : {
    rate: {
      requestsPerSecond: options.requestsPerSecond,
      ...(options.burst === undefined ? {} : { burst: options.burst })
    }
  }),
  ...(options.quota === undefined
    ? {}
    : { quota: { requests: options.quota, windowSeconds: options.quotaWindowSeconds } })
})

const advice = (output: Output): string =>
  output.rich
    ? "Keep the key: it is not shown again. Put the entry into the list 'keys' of the file of --api-keys-file:\n"
    : ""

/**
 * The key goes to the first line of the output, the entry behind it. Fails with `CliFailure` where the server would not take the
 * entry.
 *
 * @category commands
 */
export const create = (
  options: Options,
  { output }: { readonly output: Output }
): Effect.Effect<void, CliFailure> =>
  Effect.suspend(() => {
    if (options.burst !== undefined && options.requestsPerSecond === undefined) {
      return Effect.fail(new CliFailure({ message: "galatea key create: --burst needs --rate as well\n" }))
    }
    const key = prefix + randomBytes(randomness).toString("base64url")
    const entry = entryOf(key, options)
    const checked = ApiKeys.fromJson({ keys: [entry] })
    if (Result.isFailure(checked)) {
      const { path, problem } = checked.failure
      return Effect.fail(
        new CliFailure({ message: `galatea key create: '${JsonPlaces.show(path.slice(2))}' ${problem}\n` })
      )
    }
    output.out(`${key}\n${advice(output)}${JSON.stringify(entry, undefined, 2)}\n`)
    return Effect.void
  })
