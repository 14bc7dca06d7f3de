/** What a front end is told of TLS. */
import { Duration } from "effect"
import type { CertificateRegistry } from "../../services/Certificates.ts"
import type { Options } from "./internal/tls/Renewal.ts"

/** PEM files of TLS. @category models */
export interface TlsOptions {
  /** The server's certificate, with the chain behind it. */
  readonly certificate: string
  /** Its private key. */
  readonly key: string
  /** Certificates that may sign those of clients: given, a client without one is turned away. */
  readonly clientRoots?: string | undefined
  /** Clients that speak only older versions are turned away. Default `TLSv1.2`. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3"
  /** How often it is seen whether the files changed; infinite: never. Default 10 seconds. */
  readonly reloadInterval?: Duration.Input
}

/** @internal */
export const renewalOf = (service: string, tls: TlsOptions, registry: CertificateRegistry): Options => ({
  service,
  paths: tls,
  interval: Duration.fromInputUnsafe(tls.reloadInterval ?? "10 seconds"),
  registry
})
