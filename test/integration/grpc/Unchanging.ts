/** A certificate for listeners that nobody renews. */
import { Effect } from "effect"
import type { Renewal } from "../../../src/layers/frontend/internal/tls/Renewal.ts"
import type { Identity } from "../../fixtures/Certificates.ts"

/** `rootCert`: signs the certificates of clients, which are demanded then. */
export const unchanging = ({ cert, key }: Identity, rootCert?: string): Renewal => ({
  material: { cert, key, rootCert, minVersion: "TLSv1.2", subject: "server", expiresMillis: Infinity },
  watch: () => Effect.void
})
