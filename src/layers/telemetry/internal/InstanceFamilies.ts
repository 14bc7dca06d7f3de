/** Metrics of the instances of a model version: how many are up, what was lost, and what they take. */
import type { InstancesCondition, LossCause, Placement } from "../../../services/Executor.ts"
import type { Family } from "./Families.ts"
import type { Reading } from "./InferenceFamilies.ts"

const causes: ReadonlyArray<LossCause> = ["ended", "run_timeout", "unresponsive", "memory"]

const places: ReadonlyArray<Placement> = ["inline", "thread", "process"]

const value = (
  type: "counter" | "gauge",
  name: string,
  help: string,
  of: (condition: InstancesCondition) => number
): Family<Reading> => ({
  name,
  type,
  help,
  write: (series, { condition }) => {
    if (condition !== undefined) series.value(of(condition))
  }
})

const sum = (bytes: Iterable<number>): number => {
  let all = 0
  for (const one of bytes) all += one
  return all
}

/** @category constructors */
export const families: ReadonlyArray<Family<Reading>> = [
  value("gauge", "galatea_live_instances", "Execution instances that are up.", ({ live }) => live),
  {
    name: "galatea_placed_instances",
    type: "gauge",
    help: "Execution instances that are up, by where they run: on the main thread, in threads, in processes.",
    write: (series, { condition }) => {
      if (condition === undefined) return
      for (const place of places) series.valueWith("placement", place, condition.placed[place])
    }
  },
  value(
    "counter",
    "galatea_instance_moves_total",
    "Instances that were moved from the main thread into threads, because runs were longer or larger than measured.",
    ({ moved }) => moved
  ),
  {
    name: "galatea_instance_losses_total",
    type: "counter",
    help:
      "Instances that were lost: they ended, a run took too long, they stopped to answer at all, or they had too much memory.",
    write: (series, { condition }) => {
      if (condition === undefined) return
      for (const cause of causes) series.valueWith("reason", cause, condition.lossesBy[cause])
    }
  },
  value(
    "counter",
    "galatea_instance_replacements_total",
    "Instances that were replaced between two runs because they had grown.",
    ({ recycled }) => recycled
  ),
  value(
    "gauge",
    "galatea_instance_restart_seconds",
    "Time from the last loss that was mended until the instance was up again; 0 while none was.",
    ({ restartNanos = 0 }) => restartNanos / 1e9
  ),
  value(
    "gauge",
    "galatea_instance_breaker_open",
    "1 while no more instances are started, or one on trial, after too many losses; 0 otherwise.",
    ({ pausedUntilNanos }) => pausedUntilNanos === undefined ? 0 : 1
  ),
  value(
    "gauge",
    "galatea_instance_memory_bytes",
    "Resident memory of the processes of the instances together; 0 where they run in threads.",
    ({ memoryBytes }) => sum(memoryBytes.values())
  )
]
