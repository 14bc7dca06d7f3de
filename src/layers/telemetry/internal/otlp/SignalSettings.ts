/** Where and how one signal is sent, whichever words said so. */

/** @category models */
export type Protocol = "http/protobuf" | "http/json" | "grpc"

/** PEM texts. @category models */
export interface Certificates {
  /** Whom to trust. Absent: those that Node.js trusts. */
  readonly authority?: string | undefined
  readonly clientCertificate?: string | undefined
  readonly clientKey?: string | undefined
}

/** @category models */
export interface SignalSettings {
  readonly protocol: Protocol
  /** Whole, with the path of the signal where it is HTTP; for gRPC only scheme, host and port count. */
  readonly url: URL
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** For one export with all its tries. */
  readonly timeoutMillis: number
  readonly compression: "gzip" | "none"
  readonly certificates: Certificates
}
