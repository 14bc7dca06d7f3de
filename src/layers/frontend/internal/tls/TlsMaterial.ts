/** What a listener needs for TLS, read and found to fit together. */
import type { SecureContextOptions, TlsOptions as NodeTlsOptions } from "node:tls"

/** @internal */
export type MinVersion = "TLSv1.2" | "TLSv1.3"

/** Certificates and keys as PEM texts. @internal */
export interface TlsMaterial {
  readonly cert: string
  readonly key: string
  /** Authorities whose client certificates are believed; without them no client is asked for one. */
  readonly rootCert: string | undefined
  readonly minVersion: MinVersion
  /** For the operator: whose certificate it is, and when it ends in milliseconds since 1970. */
  readonly subject: string
  readonly expiresMillis: number
}

/** The same for Node. @internal */
export const secureOptions = (
  { cert, key, minVersion, rootCert }: TlsMaterial
): SecureContextOptions & Pick<NodeTlsOptions, "requestCert" | "rejectUnauthorized"> => ({
  cert,
  key,
  minVersion,
  ...(rootCert === undefined ? {} : { ca: rootCert }),
  requestCert: rootCert !== undefined,
  rejectUnauthorized: rootCert !== undefined
})
