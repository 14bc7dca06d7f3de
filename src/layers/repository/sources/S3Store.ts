/** A repository in a bucket of Amazon S3, or of a store that speaks its language. */
import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3"
import { Duration, Effect, Result, type Scope, Stream } from "effect"
import { PollFailed } from "../../../schema/Errors.ts"
import type * as Directory from "../internal/Directory.ts"
import * as Credentials from "./Credentials.ts"
import * as S3Address from "./S3Address.ts"
import * as S3Failure from "./S3Failure.ts"
import type { Environment, Settings } from "./SourceOptions.ts"
import { changed, type FetchFailed, refused, type Store, type StoredFile } from "./Store.ts"

/** The library is loaded when the first bucket is, and never without one. */
const library = Effect.promise(() => import("@aws-sdk/client-s3"))

const given = (environment: Environment, ...names: ReadonlyArray<string>): string | undefined =>
  names.map((name) => environment[name]).find((value) => value !== undefined && value !== "")

const configOf = (
  { endpoint }: S3Address.S3Address,
  { key_id, profile, region, secret_key, session_token }: Credentials.S3Credential,
  { environment, fetchTimeout }: Settings
): S3ClientConfig => {
  const custom = endpoint ?? given(environment, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
  const where = region ?? given(environment, "AWS_REGION", "AWS_DEFAULT_REGION")
  const named = profile ?? (key_id === undefined ? given(environment, "AWS_PROFILE") : undefined)
  const fromEnvironment = key_id === undefined && profile === undefined
    ? { id: given(environment, "AWS_ACCESS_KEY_ID"), secret: given(environment, "AWS_SECRET_ACCESS_KEY") }
    : { id: key_id, secret: secret_key }
  const token = key_id === undefined ? given(environment, "AWS_SESSION_TOKEN") : session_token
  const millis = Duration.toMillis(fetchTimeout)
  return {
    // Attempts are counted and waited for in one place, for every kind of store.
    maxAttempts: 1,
    followRegionRedirects: true,
    requestHandler: {
      connectionTimeout: millis,
      requestTimeout: millis,
      socketTimeout: millis,
      throwOnRequestTimeout: true
    },
    ...(custom === undefined ? {} : { endpoint: custom, forcePathStyle: true }),
    ...(where === undefined ? {} : { region: where }),
    ...(named === undefined ? {} : { profile: named }),
    ...(fromEnvironment.id === undefined || fromEnvironment.secret === undefined ? {} : {
      credentials: {
        accessKeyId: fromEnvironment.id,
        secretAccessKey: fromEnvironment.secret,
        ...(token === undefined ? {} : { sessionToken: token })
      }
    })
  }
}

/** Where neither the environment nor the user's files name a region, any will do: the store tells which it is. */
const withRegion = Effect.fnUntraced(function*(make: (config: S3ClientConfig) => S3Client, config: S3ClientConfig) {
  const client = make(config)
  const hasRegion = yield* Effect.promise(() => client.config.region().then(() => true, () => false))
  if (hasRegion) return client
  client.destroy()
  return make({ ...config, region: "us-east-1" })
})

/** Keys come with a code for each character that XML cannot have. */
const decodeKey = (key: string): string => {
  try {
    return decodeURIComponent(key.replaceAll("+", " "))
  } catch {
    return key
  }
}

/**
 * The store at an address; the scope closes its connections.
 *
 * Errors: `PollFailed` for an address or credentials that cannot be used.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  text: string,
  settings: Settings
): Effect.fn.Return<Store, PollFailed, Directory.Services | Scope.Scope> {
  const parsed = S3Address.parse(text)
  if (Result.isFailure(parsed)) return yield* new PollFailed({ code: "INVALID_ARG", message: parsed.failure })
  const address = parsed.success
  const { bucket, prefix, root } = address
  const credential = yield* Credentials.s3(root, settings.environment)
  const { GetObjectCommand, ListObjectsV2Command, S3Client } = yield* library
  const client = yield* Effect.acquireRelease(
    withRegion((config) => new S3Client(config), configOf(address, credential, settings)),
    (client) => Effect.sync(() => client.destroy())
  )
  const below = prefix === "" ? "" : `${prefix}/`

  const page = (token: string | undefined) =>
    Effect.tryPromise({
      try: (abortSignal) =>
        client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: below,
            EncodingType: "url",
            ...(token === undefined ? {} : { ContinuationToken: token })
          }),
          { abortSignal }
        ),
      catch: (error) => S3Failure.ofListing(address, error)
    })

  const list = Effect.gen(function*(): Effect.fn.Return<ReadonlyArray<StoredFile>, FetchFailed> {
    const files: Array<StoredFile> = []
    let token: string | undefined
    /** Objects that are no files count, and answers without any, so that the listing comes to an end. */
    let seen = 0
    do {
      const { Contents = [], IsTruncated = false, NextContinuationToken } = yield* page(token)
      seen += Math.max(1, Contents.length)
      for (const { ETag, Key, Size } of Contents) {
        const path = decodeKey(Key ?? "").slice(below.length)
        // What consoles make where somebody asks for a folder.
        if (path === "" || path.endsWith("/")) continue
        if (ETag === undefined || Size === undefined) {
          return yield* refused(`${root} lists '${path}' without a size or an ETag, by which changes are told`)
        }
        files.push({ path, size: Size, identity: JSON.stringify([root, path, ETag, Size]), sha256: undefined })
      }
      if (seen > settings.maxFiles) {
        return yield* refused(
          `${root} has more than the ${settings.maxFiles} files that a repository may have: is it the right prefix?`
        )
      }
      token = IsTruncated ? NextContinuationToken : undefined
    } while (token !== undefined)
    return files
  })

  const read = Effect.fnUntraced(function*(file: StoredFile) {
    const [, path, etag] = JSON.parse(file.identity) as [string, string, string, number]
    const abortSignal = yield* Effect.abortSignal
    const failed = (error: unknown) => S3Failure.ofFile(address, path, error)
    const { Body } = yield* Effect.tryPromise({
      try: () =>
        client.send(new GetObjectCommand({ Bucket: bucket, Key: `${below}${path}`, IfMatch: etag }), {
          abortSignal
        }),
      catch: failed
    })
    if (Body === undefined) return yield* changed(`${root}/${path} was answered without contents`)
    return Stream.fromAsyncIterable(Body as AsyncIterable<Uint8Array>, failed)
  })

  return { root, list, read }
})
