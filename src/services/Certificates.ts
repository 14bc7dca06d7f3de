/**
 * Which certificates the listeners show, for metrics.
 *
 * Upstream: front ends, which tell. Downstream: metrics.
 */
import { Context } from "effect"

/** When the certificate of each service ends, in milliseconds since 1970. @category models */
export interface CertificateRegistry {
  /** A service such as `HTTP` uses a certificate that ends then. */
  readonly set: (service: string, expiresMillis: number) => void
  /** A service ended. */
  readonly delete: (service: string) => void
  /** Services and the ends of their certificates. */
  readonly all: () => Iterable<readonly [service: string, expiresMillis: number]>
}

/** One that knows of nobody. @category constructors */
export const make = (): CertificateRegistry => {
  const ends = new Map<string, number>()
  return {
    set: (service, expiresMillis) => {
      ends.set(service, expiresMillis)
    },
    delete: (service) => {
      ends.delete(service)
    },
    all: () => ends
  }
}

/** Without one of its own a server remembers nothing of its certificates. @category services */
export const Certificates: Context.Reference<CertificateRegistry> = Context.Reference<CertificateRegistry>(
  "galatea/services/Certificates",
  { defaultValue: () => ({ set: () => {}, delete: () => {}, all: () => [] }) }
)
