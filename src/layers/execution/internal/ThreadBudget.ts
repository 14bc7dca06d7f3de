/**
 * How many threads a session gets, and whether they may spin while they wait for work.
 *
 * ONNX Runtime's own default, all cores and spinning for every session, halves throughput as soon as two instances run.
 */
import type { SessionSettings } from "../../../services/Executor.ts"
import type { NativeSettings } from "./Mailbox.ts"

const spinning = "session.intra_op.allow_spinning"

/**
 * The settings of each of `instances` sessions on `cores` cores. What the model's parameters say is kept; otherwise the cores
 * are divided, and threads wait without spinning unless a core is left for everything else.
 */
export const settings = (session: SessionSettings, instances: number, cores: number): NativeSettings => {
  const threads = session.intraOpNumThreads ?? Math.max(1, Math.floor(cores / instances))
  const entries: Record<string, string> = { ...session.configEntries }
  if (entries[spinning] === undefined && threads * instances >= cores) entries[spinning] = "0"
  return {
    intraOpNumThreads: threads,
    ...defined("interOpNumThreads", session.interOpNumThreads),
    ...defined("executionMode", session.executionMode),
    ...defined("graphOptimizationLevel", session.graphOptimizationLevel),
    ...defined("enableCpuMemArena", session.enableCpuMemArena),
    ...defined("enableMemPattern", session.enableMemPattern),
    extra: nested(entries)
  }
}

const defined = <K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } =>
  value === undefined ? {} : { [key]: value } as { readonly [P in K]?: V }

/** The binding joins nested keys with dots: `session.intra_op.x` comes as `{ session: { intra_op: { x } } }`. */
const nested = (entries: Readonly<Record<string, string>>): Record<string, unknown> => {
  const root: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(entries)) {
    const path = key.split(".")
    let node = root
    for (const part of path.slice(0, -1)) {
      const next = node[part]
      node = (typeof next === "object" && next !== null ? next : (node[part] = {})) as Record<string, unknown>
    }
    node[path.at(-1)!] = value
  }
  return root
}
