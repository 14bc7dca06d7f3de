/** Reads the certificate, the key and the root certificates of TLS, and sees that they can be used together. */
import { Effect } from "effect"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { readFile } from "node:fs/promises"
import { createSecureContext } from "node:tls"
import { ListenFailed } from "../../../../schema/Errors.ts"
import type { Tls } from "./ListenerOptions.ts"

/** Paths of PEM files. @internal */
export interface TlsPaths {
  readonly certificate: string
  readonly key: string
  /** Certificates that may sign those of clients; given: a client without one is turned away. */
  readonly clientRoots?: string | undefined
}

const failed = (problem: string): ListenFailed =>
  new ListenFailed({ code: "INVALID_ARG", message: `failed to start GRPC service: Invalid argument - ${problem}` })

const textOf = (thrown: unknown): string => thrown instanceof Error ? thrown.message : String(thrown)

/** The text of a file that must hold PEM blocks of a kind. */
const read = (what: string, path: string, label: RegExp): Effect.Effect<string, ListenFailed> =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (thrown) => failed(`the ${what} '${path}' cannot be read: ${textOf(thrown)}`)
  }).pipe(
    Effect.filterOrFail(
      (text) => label.test(text),
      () => failed(`the ${what} '${path}' holds no PEM block of that kind; expected ${label.source}`)
    )
  )

const certificateBlock = /-----BEGIN CERTIFICATE-----/
const keyBlock = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/

/** Runs a check of OpenSSL; what it throws is the reason. */
const check = <A>(what: string, path: string, use: () => A): Effect.Effect<A, ListenFailed> =>
  Effect.try({ try: use, catch: (thrown) => failed(`the ${what} '${path}' cannot be used: ${textOf(thrown)}`) })

/**
 * The contents of the files. Fails with `ListenFailed`, which names the file, where one cannot be read, holds something else, or
 * does not fit the others.
 *
 * @internal
 */
export const load: (paths: TlsPaths) => Effect.Effect<Tls, ListenFailed> = Effect.fn("TlsFiles.load")(
  function*(paths: TlsPaths) {
    const cert = yield* read("certificate", paths.certificate, certificateBlock)
    const key = yield* read("private key", paths.key, keyBlock)
    const rootCert = paths.clientRoots === undefined
      ? undefined
      : yield* read("file of root certificates", paths.clientRoots, certificateBlock)
    const leaf = yield* check("certificate", paths.certificate, () => new X509Certificate(cert))
    const secret = yield* check("private key", paths.key, () => createPrivateKey(key))
    if (!leaf.checkPrivateKey(secret)) {
      return yield* failed(`the private key '${paths.key}' is not that of the certificate '${paths.certificate}'`)
    }
    yield* check("certificate", paths.certificate, () => createSecureContext({ cert, key }))
    if (paths.clientRoots !== undefined && rootCert !== undefined) {
      // A context takes whatever it is given as authorities, and ignores what it cannot read.
      yield* check("file of root certificates", paths.clientRoots, () => new X509Certificate(rootCert))
    }
    return { cert, key, rootCert, requireClientCertificate: rootCert !== undefined }
  }
)
