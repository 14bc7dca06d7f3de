/** Metrics of what clients were allowed and refused. */
import type { AccessUsage } from "../../../services/Access.ts"
import type { Family } from "./Families.ts"

const value = (
  type: "counter" | "gauge",
  name: string,
  help: string,
  of: (usage: AccessUsage) => number
): Family<AccessUsage> => ({ name, type, help, write: (series, usage) => series.value(of(usage)) })

/** @category constructors */
export const families: ReadonlyArray<Family<AccessUsage>> = [
  value(
    "counter",
    "galatea_access_allowed_requests_total",
    "Requests that were let through where API keys or bounds of clients are in force.",
    ({ allowed }) => allowed
  ),
  {
    name: "galatea_access_refused_requests_total",
    type: "counter",
    help:
      "Requests that were refused: without a valid API key, with one that may not do this, beyond the bounds of the client, or because the store that counts could not be asked.",
    write: (series, { refused }) => {
      for (const [reason, count] of Object.entries(refused)) series.valueWith("reason", reason, count)
    }
  },
  value(
    "gauge",
    "galatea_api_keys",
    "API keys of the file, whether they have expired or not.",
    ({ keys }) => keys.known
  ),
  value(
    "counter",
    "galatea_api_key_reloads_total",
    "Changes of the file of API keys that were taken over.",
    ({ keys }) => keys.reloads
  ),
  value(
    "counter",
    "galatea_api_key_reload_failures_total",
    "Changes of the file of API keys that were not taken over, because the file was wrong.",
    ({ keys }) => keys.failures
  ),
  value(
    "gauge",
    "galatea_client_limit_clients",
    "Clients whose requests are counted in this process.",
    ({ clients }) => clients.remembered
  ),
  value(
    "counter",
    "galatea_client_limit_forgotten_clients_total",
    "Clients that were forgotten, for want of room, before they had their whole allowance again.",
    ({ clients }) => clients.forgotten
  ),
  value(
    "counter",
    "galatea_client_limit_store_failures_total",
    "Requests about which the Redis server that counts could not be asked.",
    ({ clients }) => clients.storeFailures
  )
]
