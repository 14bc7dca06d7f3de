/** What a version is loaded from, as one text: equal texts mean that loading again would give the same. */
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import * as ConfigJson from "../../../schema/proto/ConfigJson.ts"
import type { Fingerprint } from "./Fingerprints.ts"
import * as RolloutFile from "./rollout/RolloutFile.ts"

/** Entries that no version is loaded from: of configs it counts what they say, and a rollout changes by itself. */
const isApart = (entry: string): boolean =>
  entry === "config.pbtxt" || entry === "configs" || entry === RolloutFile.fileName

/**
 * Identity of a version: its own folder, the config, and everything else beside the versions. Another version's folder has no
 * part in it.
 *
 * @category constructors
 */
export const make = (
  config: ModelConfig,
  available: ReadonlyArray<number>,
  fingerprint: Fingerprint
): (version: number) => string => {
  const versions = new Set(available.map(String))
  const shared = [...fingerprint]
    .filter(([entry]) => !versions.has(entry) && !isApart(entry))
    .sort(([a], [b]) => a < b ? -1 : 1)
  const common = JSON.stringify([ConfigJson.toJson(config), shared])
  return (version) => `${common} ${fingerprint.get(String(version)) ?? ""}`
}

/** Identity of the config files of a model. @category getters */
export const ofConfig = (fingerprint: Fingerprint): string =>
  JSON.stringify([fingerprint.get("config.pbtxt"), fingerprint.get("configs")])
