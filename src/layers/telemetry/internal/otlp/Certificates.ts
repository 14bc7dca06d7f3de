/** Reads the certificates that a signal is sent with. */
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { createSecureContext } from "node:tls"
import type { Certificates, SignalSettings } from "./SignalSettings.ts"
import type { SignalPlan } from "./SignalVariables.ts"

/** What was said of exports cannot be; `message` is one or more sentences. @category errors */
export class InvalidExport extends Schema.TaggedError<InvalidExport>()("InvalidExport", { message: Schema.String }) {}

const reason = (error: unknown): string => error instanceof Error ? error.message : String(error)

const read = (
  file: readonly [variable: string, path: string] | undefined
): Effect.Effect<string | undefined, InvalidExport> =>
  file === undefined ? Effect.succeed(undefined) : Effect.try({
    try: () => readFileSync(file[1], "utf8"),
    catch: (error) => new InvalidExport({ message: `${file[0]}: cannot read '${file[1]}': ${reason(error)}` })
  })

/** A certificate that cannot be used would be found only by the first export. */
const check = (certificates: Certificates, { files }: SignalPlan): Effect.Effect<void, InvalidExport> => {
  const { authority, clientCertificate, clientKey } = files
  const given = [authority, clientCertificate, clientKey].flatMap((file) => file === undefined ? [] : [file[0]])
  if ((clientCertificate === undefined) !== (clientKey === undefined)) {
    return new InvalidExport({
      message: `${given.join(", ")}: a client certificate and its key belong together. Give both, or none of them`
    })
  }
  return Effect.try({
    try: () => {
      createSecureContext({
        ca: certificates.authority,
        cert: certificates.clientCertificate,
        key: certificates.clientKey
      })
    },
    catch: (error) =>
      new InvalidExport({ message: `${given.join(", ")}: cannot be used: ${reason(error)}. Expected PEM files` })
  })
}

/** The settings of a signal, with its files read. @category constructors */
export const settings = Effect.fnUntraced(function*(plan: SignalPlan): Effect.fn.Return<SignalSettings, InvalidExport> {
  const { compression, files, headers, protocol, timeoutMillis, url } = plan
  const certificates: Certificates = {
    authority: yield* read(files.authority),
    clientCertificate: yield* read(files.clientCertificate),
    clientKey: yield* read(files.clientKey)
  }
  yield* check(certificates, plan)
  return { protocol, url, headers, timeoutMillis, compression, certificates }
})
