/** Metrics of models that load when they are asked for. */
import type { ResidencyFigures } from "../../../services/ModelRepository.ts"
import type { Family } from "./Families.ts"

const value = (
  type: "counter" | "gauge",
  name: string,
  help: string,
  of: (figures: ResidencyFigures) => number
): Family<ResidencyFigures> => ({ name, type, help, write: (series, figures) => series.value(of(figures)) })

/** @category constructors */
export const families: ReadonlyArray<Family<ResidencyFigures>> = [
  value(
    "gauge",
    "galatea_residency_budget_bytes",
    "Memory that loaded models may take together, in bytes; 0: no bound.",
    ({ budgetBytes }) => budgetBytes
  ),
  value(
    "gauge",
    "galatea_residency_accounted_bytes",
    "Memory that loaded models take as measured when they loaded, in bytes.",
    ({ accountedBytes }) => accountedBytes
  ),
  value(
    "gauge",
    "galatea_residency_known_versions",
    "Versions that load when they are asked for.",
    ({ known }) => known
  ),
  value("gauge", "galatea_residency_resident_versions", "Versions that are in memory.", ({ resident }) => resident),
  value(
    "gauge",
    "galatea_residency_waiting_requests",
    "Requests that wait for a version to load.",
    ({ waiting }) => waiting
  ),
  value("counter", "galatea_residency_loads_total", "Loads that requests have asked for.", ({ loads }) => loads),
  value(
    "counter",
    "galatea_residency_load_failures_total",
    "Loads that requests have asked for and that failed.",
    ({ failures }) => failures
  ),
  {
    name: "galatea_residency_evictions_total",
    type: "counter",
    help: "Versions that have left memory: for others that needed the room, or because nobody asked for them.",
    write: (series, { evictions }) => {
      for (const [reason, count] of Object.entries(evictions)) series.valueWith("reason", reason, count)
    }
  }
]
