/** Options of TLS on the HTTP port, in the manner of those of gRPC, and of what both share. */
import { single } from "./OptionRow.ts"
import { bool, choice, int, path } from "./ValueTypes.ts"

const http = { group: "HTTP", triton: false } as const
const both = { group: "TLS", triton: false } as const

/** @category models */
export const tlsVersions = ["1.2", "1.3"] as const

/** @category models */
export type TlsVersion = (typeof tlsVersions)[number]

/** @category models */
export const tlsRows = [
  single({
    ...http,
    name: "http-use-ssl",
    type: bool,
    default: false,
    doc: "Serve HTTP over TLS, with the certificate of --http-server-cert and the key of --http-server-key."
  }),
  single({
    ...http,
    name: "http-use-ssl-mutual",
    type: bool,
    default: false,
    doc: "Serve HTTP over TLS, and only to clients with a certificate that --http-root-cert has signed."
  }),
  single({
    ...http,
    name: "http-server-cert",
    type: path,
    default: "",
    doc: "PEM file of the HTTP port's certificate, the chain behind it."
  }),
  single({
    ...http,
    name: "http-server-key",
    type: path,
    default: "",
    doc: "PEM file of its private key."
  }),
  single({
    ...http,
    name: "http-root-cert",
    type: path,
    default: "",
    doc: "PEM file of the certificates that may sign those of HTTP clients."
  }),
  single({
    ...both,
    name: "tls-min-version",
    type: choice(tlsVersions),
    default: "1.2" as TlsVersion,
    doc: "Oldest version of TLS that clients of HTTP and gRPC may speak."
  }),
  single({
    ...both,
    name: "tls-reload-interval-ms",
    type: int({ min: 0 }),
    default: 10000,
    unit: "milliseconds",
    doc: "How often it is seen whether files of TLS changed, which new connections then use; 0: never."
  })
] as const
