/** What exports all telemetry of this process: the attributes of its resource. Source: OpenTelemetry, "Resource SDK". */
import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import * as Version from "../../../Version.ts"
import type { Variables } from "./Variables.ts"

/** @category models */
export type ResourceAttributes = Readonly<Record<string, string | number>>

/**
 * By the variables and `given`, which counts before them. A service without a name is called `galatea`; where it is not said
 * otherwise, each start is an instance with an id of its own.
 *
 * @category parsing
 */
export const read = (
  variables: Variables,
  given: ReadonlyArray<readonly [name: string, value: string]>
): ResourceAttributes => {
  const name = variables.text("OTEL_SERVICE_NAME")
  return {
    "service.name": "galatea",
    "service.version": Version.current,
    "service.instance.id": randomUUID(),
    "host.name": hostname(),
    "process.pid": process.pid,
    "process.runtime.name": "nodejs",
    "process.runtime.version": process.versions.node,
    ...Object.fromEntries(variables.pairs("OTEL_RESOURCE_ATTRIBUTES", false)),
    ...(name === undefined ? {} : { "service.name": name }),
    ...Object.fromEntries(given)
  }
}
