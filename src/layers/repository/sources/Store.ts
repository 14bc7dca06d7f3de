/** A store on another machine: it lists its files and sends them. What a source needs of it, and how it fails. */
import { Effect, Schedule, Schema, type Scope, type Stream } from "effect"
import { codes, PollFailed } from "../../../schema/Errors.ts"
import type { Settings } from "./SourceOptions.ts"

/** A file of a store. @category models */
export interface StoredFile {
  /** Below the root, with `/` between names, as the store has it: not checked yet. */
  readonly path: string
  readonly size: number
  /** Equal for equal contents of one root: an ETag with the path and the size, for example. */
  readonly identity: string
  /** SHA-256 of the contents in hexadecimal digits, where the store tells it. */
  readonly sha256: string | undefined
}

/** @category models */
export interface Store {
  /** Its address in the one normal form, without credentials. */
  readonly root: string
  /** All files, completely or not at all. */
  readonly list: Effect.Effect<ReadonlyArray<StoredFile>, FetchFailed>
  /** The bytes of a file as it was listed; `FetchFailed` `"Changed"` where it is another one by now. */
  readonly read: (file: StoredFile) => Effect.Effect<Stream.Stream<Uint8Array, FetchFailed>, FetchFailed, Scope.Scope>
}

/**
 * A store did not do what it was asked for.
 *
 * - `Unreachable`: no answer, one that broke off, or one that says to come back later. May pass.
 * - `Refused`: it does not want to, or what was asked for is not there. Passes when somebody changes something.
 * - `Changed`: the file is not what was listed any more. List again.
 *
 * @category errors
 */
export class FetchFailed extends Schema.TaggedError<FetchFailed>()("FetchFailed", {
  kind: Schema.Literals(["Unreachable", "Refused", "Changed"]),
  code: Schema.Literals(Object.keys(codes) as ReadonlyArray<keyof typeof codes>),
  message: Schema.String
}) {}

/** @category constructors */
export const unreachable = (message: string): FetchFailed =>
  new FetchFailed({ kind: "Unreachable", code: "UNAVAILABLE", message })

/** @category constructors */
export const refused = (message: string, code: FetchFailed["code"] = "INVALID_ARG"): FetchFailed =>
  new FetchFailed({ kind: "Refused", code, message })

/** @category constructors */
export const changed = (message: string): FetchFailed =>
  new FetchFailed({ kind: "Changed", code: "UNAVAILABLE", message })

/** The failure as a repository has it. @category conversions */
export const pollFailed = ({ code, message }: FetchFailed): PollFailed => new PollFailed({ code, message })

/** Further attempts where a failure may pass, each after a longer time than the one before, and none at the same time as others'. */
export const retrying =
  (settings: Pick<Settings, "fetchRetryCount">) =>
  <A, E, R>(effect: Effect.Effect<A, E | FetchFailed, R>): Effect.Effect<A, E | FetchFailed, R> =>
    Effect.retry(effect, {
      schedule: Schedule.exponential("200 millis").pipe(Schedule.jittered),
      times: settings.fetchRetryCount,
      while: (error) => error instanceof FetchFailed && error.kind === "Unreachable"
    })
