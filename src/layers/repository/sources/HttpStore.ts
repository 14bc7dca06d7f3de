/** A repository on a web server: an index names its files, which lie beside it. */
import { Effect, Redacted, Schema, type Scope, Stream } from "effect"
import {
  FetchHttpClient,
  HttpClient,
  type HttpClientError,
  HttpClientRequest,
  type HttpClientResponse
} from "effect/http"
import { PollFailed } from "../../../schema/Errors.ts"
import * as RepositoryIndex from "../../../schema/RepositoryIndex.ts"
import type * as Directory from "../internal/Directory.ts"
import * as Credentials from "./Credentials.ts"
import type { Settings } from "./SourceOptions.ts"
import { changed, type FetchFailed, refused, type Store, type StoredFile, unreachable } from "./Store.ts"

const Document = Schema.fromJsonString(RepositoryIndex.RepositoryIndex)

/** The address of the folder, and that of its index. */
const parse = (address: string): { readonly root: string; readonly index: URL } | string => {
  if (!URL.canParse(address)) return "it is not a URL"
  const url = new URL(address)
  if (url.username !== "" || url.password !== "") {
    return "it has a user name or password in it, which logs would show: give them with GALATEA_REPOSITORY_HTTP_TOKEN, or " +
      "GALATEA_REPOSITORY_HTTP_USERNAME and GALATEA_REPOSITORY_HTTP_PASSWORD"
  }
  if (url.search !== "" || url.hash !== "") return "it has a '?' or '#', and files lie below a path"
  url.pathname = url.pathname.replace(/\/{2,}/g, "/").replace(/\/$/, "")
  if (url.pathname.endsWith(".json")) {
    const index = new URL(url)
    url.pathname = url.pathname.slice(0, url.pathname.lastIndexOf("/"))
    return { root: url.href.replace(/\/$/, ""), index }
  }
  const root = url.href.replace(/\/$/, "")
  return { root, index: new URL(`${root}/${RepositoryIndex.fileName}`) }
}

const statusFailed = (url: string, { status }: HttpClientResponse.HttpClientResponse): FetchFailed => {
  const message = `${url} was answered with status ${status}`
  if (status === 429 || status >= 500) return unreachable(message)
  if (status === 401 || status === 403) {
    return refused(
      `${message}: the server wants other credentials. They are those of GALATEA_REPOSITORY_HTTP_TOKEN, or ` +
        "GALATEA_REPOSITORY_HTTP_USERNAME and GALATEA_REPOSITORY_HTTP_PASSWORD"
    )
  }
  return refused(message, status === 404 || status === 410 ? "NOT_FOUND" : "INVALID_ARG")
}

/** The system's word for it, which `fetch` hides two levels deep. */
const reasonOf = (error: HttpClientError.HttpClientError): string => {
  let found = error.message
  for (let cause: unknown = error.reason; typeof cause === "object" && cause !== null;) {
    if (cause instanceof Error && cause.message !== "") found = cause.message
    cause = "cause" in cause ? cause.cause : undefined
  }
  return found
}

/**
 * The store at an address. Credentials go to its own host alone, and are not followed from `https` to `http`.
 *
 * Errors: `PollFailed` for an address or credentials that cannot be used.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  address: string,
  settings: Settings
): Effect.fn.Return<Store, PollFailed, Directory.Services | HttpClient.HttpClient> {
  const parsed = parse(address)
  if (typeof parsed === "string") {
    return yield* new PollFailed({
      code: "INVALID_ARG",
      message: `the address of the repository cannot be used: ${parsed}`
    })
  }
  const { index, root } = parsed
  const authorization = yield* Credentials.http(root, settings.environment)
  const client = HttpClient.withScope(yield* HttpClient.HttpClient)

  const get = Effect.fnUntraced(function*(
    url: URL,
    redirects: number
  ): Effect.fn.Return<HttpClientResponse.HttpClientResponse, FetchFailed, Scope.Scope> {
    const plain = HttpClientRequest.get(url.href).pipe(HttpClientRequest.setHeader("accept-encoding", "identity"))
    const request = authorization === undefined || url.origin !== index.origin
      ? plain
      : HttpClientRequest.setHeader(plain, "authorization", Redacted.value(authorization))
    const response = yield* client.execute(request).pipe(
      Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
      Effect.mapError((error) => unreachable(`no answer from ${url.href}: ${reasonOf(error)}`))
    )
    const { headers: { location }, status } = response
    if (status < 300 || status >= 400 || location === undefined) return response
    if (redirects >= settings.maxRedirects) {
      return yield* refused(`${index.href} leads on more than ${settings.maxRedirects} times`)
    }
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined
    if (
      next === undefined || !/^https?:$/.test(next.protocol) || (url.protocol === "https:" && next.protocol === "http:")
    ) {
      return yield* refused(`${url.href} leads on to an address that is not followed: expected an https one`)
    }
    return yield* get(next, redirects + 1)
  })

  const open = Effect.fnUntraced(function*(url: URL) {
    const response = yield* get(url, 0)
    if (response.status !== 200) return yield* statusFailed(url.href, response)
    return response.stream.pipe(
      Stream.mapError((error) => unreachable(`the answer of ${url.href} broke off: ${reasonOf(error)}`))
    )
  })

  const list = Effect.gen(function*() {
    const chunks: Array<Uint8Array> = []
    let bytes = 0
    const body = yield* open(index)
    yield* Stream.runForEach(body, (chunk) => {
      chunks.push(chunk)
      bytes += chunk.byteLength
      return bytes > settings.maxIndexBytes
        ? Effect.fail(refused(`${index.href} has more than the ${settings.maxIndexBytes} bytes that an index may have`))
        : Effect.void
    })
    const document = yield* Schema.decodeEffect(Document)(Buffer.concat(chunks).toString("utf8")).pipe(
      Effect.mapError(({ message }) =>
        refused(`${index.href} is no index of a repository: ${message.slice(0, 500)}\nWrite one with 'galatea index'`)
      )
    )
    const files: Array<StoredFile> = []
    for (const model of document.models) {
      for (const { path, sha256, size } of model.files) {
        files.push({ path: `${model.name}/${path}`, size, sha256, identity: sha256 })
      }
    }
    if (files.length > settings.maxFiles) {
      return yield* refused(`${index.href} names more than the ${settings.maxFiles} files that a repository may have`)
    }
    return files as ReadonlyArray<StoredFile>
  }).pipe(
    Effect.scoped,
    Effect.timeoutOrElse({
      duration: settings.fetchTimeout,
      orElse: () => Effect.fail(unreachable(`no answer from ${index.href} within the time for it`))
    })
  )

  const read = (file: StoredFile) =>
    open(new URL(`${root}/${file.path.split("/").map(encodeURIComponent).join("/")}`)).pipe(
      Effect.mapError((error) =>
        error.code === "NOT_FOUND" ? changed(`${error.message}, and the index names that file`) : error
      )
    )

  return { root, list, read }
})
