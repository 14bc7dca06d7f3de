/** Metrics of the certificates that the listeners show. */
import type { CertificateRegistry } from "../../../services/Certificates.ts"
import type { Family, Reporter } from "./Families.ts"
import { SeriesLabels } from "./SeriesLabels.ts"

/** When a certificate ends, in milliseconds since 1970. */
interface End {
  readonly millis: number
}

/** @category constructors */
export const families: ReadonlyArray<Family<End>> = [
  {
    name: "galatea_tls_certificate_expiry_timestamp_seconds",
    type: "gauge",
    help: "When the certificate that new connections see ends, in seconds since 1970.",
    write: (series, { millis }) => series.value(millis / 1e3)
  }
]

/** One for each service that has a certificate. @category constructors */
export const reporters = (registry: CertificateRegistry, sinceMillis: number): ReadonlyArray<Reporter<End>> =>
  Array.from(registry.all(), ([service, millis]) => ({
    labels: new SeriesLabels({ service: service.toLowerCase() }),
    sinceMillis,
    source: { millis }
  }))
