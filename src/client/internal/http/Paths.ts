/** Paths of the protocol. Source: protocol §2.1. */

/** @internal */
export const modelPath = (model: string, version: string): string =>
  `/v2/models/${encodeURIComponent(model)}${version === "" ? "" : `/versions/${version}`}`
