/**
 * Credentials of stores: those of a file that `TRITON_CLOUD_CREDENTIAL_PATH` names, by the longest beginning of a root, and
 * those of the environment. No message here or elsewhere repeats them.
 *
 * Source: model-config §1.15.
 */
import { Effect, Redacted, Schema } from "effect"
import { PollFailed } from "../../../schema/Errors.ts"
import * as Directory from "../internal/Directory.ts"
import type { Environment } from "./SourceOptions.ts"

const text = Schema.optionalKey(Schema.String)

const S3Credential = Schema.Struct({
  key_id: text,
  secret_key: text,
  session_token: text,
  region: text,
  profile: text
})

const HttpCredential = Schema.Struct({ token: text, username: text, password: text })

const Document = Schema.fromJsonString(Schema.Struct({
  s3: Schema.optionalKey(Schema.Record(Schema.String, S3Credential)),
  http: Schema.optionalKey(Schema.Record(Schema.String, HttpCredential))
}))

/** Credential of a bucket; empty: what the environment and the user's files say. @category models */
export type S3Credential = typeof S3Credential.Type

/** Bytes that the file of credentials may have. */
const maxBytes = 1024 * 1024

const variable = "TRITON_CLOUD_CREDENTIAL_PATH"

const read = Effect.fnUntraced(function*(environment: Environment) {
  const file = environment[variable] ?? ""
  if (file === "") return undefined
  const bytes = yield* Directory.readBounded(file, maxBytes).pipe(
    Effect.mapError(({ code, message }) => new PollFailed({ code, message: `${variable}: ${message}` }))
  )
  return yield* Schema.decodeEffect(Document)(new TextDecoder().decode(bytes)).pipe(
    // What the parser found stays unsaid: it repeats the text around.
    Effect.mapError(() =>
      new PollFailed({
        code: "INVALID_ARG",
        message:
          `the file '${file}' of ${variable} is not what it should be: expected JSON with the keys s3 and http, each ` +
          "an object of credentials by the beginnings of paths"
      })
    )
  )
})

/** The credential with the longest key that the root begins with. */
const longest = <A>(credentials: Readonly<Record<string, A>>, root: string): A | undefined => {
  const key = Object.keys(credentials).filter((key) => root.startsWith(key)).sort((a, b) => b.length - a.length)[0]
  return key === undefined ? undefined : credentials[key]
}

/**
 * The credential of an S3 root.
 *
 * Errors: `PollFailed` for a file that cannot be used, or that has none for this root.
 *
 * @category constructors
 */
export const s3 = Effect.fnUntraced(function*(
  root: string,
  environment: Environment
): Effect.fn.Return<S3Credential, PollFailed, Directory.Services> {
  const document = yield* read(environment)
  if (document?.s3 === undefined) return {}
  const found = longest(document.s3, root)
  if (found !== undefined) return found
  return yield* new PollFailed({ code: "INVALID_ARG", message: `Cannot match credential for path  ${root}` })
})

/** Value of the `authorization` header for a web server, `undefined` for none. */
const headerOf = (credential: typeof HttpCredential.Type): string | undefined => {
  if (credential.token !== undefined) return `Bearer ${credential.token}`
  if (credential.username === undefined) return undefined
  return `Basic ${Buffer.from(`${credential.username}:${credential.password ?? ""}`).toString("base64")}`
}

/**
 * The `authorization` header for a root on a web server: out of the file, or `GALATEA_REPOSITORY_HTTP_TOKEN`
 * (Bearer), or `GALATEA_REPOSITORY_HTTP_USERNAME` and `GALATEA_REPOSITORY_HTTP_PASSWORD` (Basic).
 *
 * @category constructors
 */
export const http = Effect.fnUntraced(function*(
  root: string,
  environment: Environment
): Effect.fn.Return<Redacted.Redacted | undefined, PollFailed, Directory.Services> {
  const document = yield* read(environment)
  const value = (name: string) => environment[name] === "" ? undefined : environment[name]
  const token = value("GALATEA_REPOSITORY_HTTP_TOKEN")
  const username = value("GALATEA_REPOSITORY_HTTP_USERNAME")
  const password = value("GALATEA_REPOSITORY_HTTP_PASSWORD")
  const header = headerOf(
    longest(document?.http ?? {}, root) ?? {
      ...(token === undefined ? {} : { token }),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password })
    }
  )
  return header === undefined ? undefined : Redacted.make(header)
})
