/** Reads the certificate, the key and the root certificates of TLS, and sees that they can be used together. */
import { Clock, Effect } from "effect"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { readFile, stat } from "node:fs/promises"
import { createSecureContext } from "node:tls"
import { ListenFailed } from "../../../../schema/Errors.ts"
import type { MinVersion, TlsMaterial } from "./TlsMaterial.ts"

/** Paths of PEM files. @internal */
export interface TlsPaths {
  readonly certificate: string
  readonly key: string
  /** Certificates that may sign those of clients; given: a client without one is turned away. */
  readonly clientRoots?: string | undefined
  /** Clients that speak only older versions are turned away. Default TLS 1.2. */
  readonly minVersion?: MinVersion
}

/** One chain is no larger; a file that is, is no certificate. */
const maxFileBytes = 1024 * 1024

const textOf = (thrown: unknown): string => thrown instanceof Error ? thrown.message : String(thrown)

const certificateBlock = /-----BEGIN CERTIFICATE-----/
const keyBlock = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/

/**
 * The contents of the files, for what the operator calls `service`. Fails with `ListenFailed`, which names the file, where one
 * cannot be read, holds something else, is of another time, or does not fit the others.
 *
 * @internal
 */
export const load: (service: string, paths: TlsPaths) => Effect.Effect<TlsMaterial, ListenFailed> = Effect.fn(
  "TlsFiles.load"
)(function*(service: string, paths: TlsPaths) {
  const failed = (problem: string): ListenFailed =>
    new ListenFailed({
      code: "INVALID_ARG",
      message: `failed to start ${service} service: Invalid argument - ${problem}`
    })

  /** The text of a file that must hold PEM blocks of a kind. */
  const read = (what: string, path: string, label: RegExp): Effect.Effect<string, ListenFailed> =>
    Effect.tryPromise({
      try: async () => {
        const { size } = await stat(path)
        if (size > maxFileBytes) throw new Error(`it has ${size} bytes, and no such file has more than ${maxFileBytes}`)
        return await readFile(path, "utf8")
      },
      catch: (thrown) => failed(`the ${what} '${path}' cannot be read: ${textOf(thrown)}`)
    }).pipe(
      Effect.filterOrFail(
        (text) => label.test(text),
        () => failed(`the ${what} '${path}' holds no PEM block of that kind; expected ${label.source}`)
      )
    )

  /** Runs a check of OpenSSL; what it throws is the reason. */
  const check = <A>(what: string, path: string, use: () => A): Effect.Effect<A, ListenFailed> =>
    Effect.try({ try: use, catch: (thrown) => failed(`the ${what} '${path}' cannot be used: ${textOf(thrown)}`) })

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
  const now = yield* Clock.currentTimeMillis
  const expiresMillis = leaf.validToDate.getTime()
  if (expiresMillis <= now) {
    return yield* failed(
      `the certificate '${paths.certificate}' expired on ${leaf.validTo}. Renew it; no client would accept it.`
    )
  }
  if (leaf.validFromDate.getTime() > now) {
    return yield* failed(
      `the certificate '${paths.certificate}' is valid only from ${leaf.validFrom} on. Wait for that, or check the clock.`
    )
  }
  yield* check("certificate", paths.certificate, () => createSecureContext({ cert, key }))
  if (paths.clientRoots !== undefined && rootCert !== undefined) {
    // A context takes whatever it is given as authorities, and ignores what it cannot read.
    yield* check("file of root certificates", paths.clientRoots, () => new X509Certificate(rootCert))
  }
  return {
    cert,
    key,
    rootCert,
    minVersion: paths.minVersion ?? "TLSv1.2",
    subject: leaf.subject.replaceAll("\n", ", "),
    expiresMillis
  }
})
