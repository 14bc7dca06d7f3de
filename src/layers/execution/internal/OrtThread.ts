/** The thread of a session. */
import type * as Mailbox from "./Mailbox.ts"

/** The worker's file: TypeScript where this runs from sources, JavaScript in the built package. */
export const workerFile: URL = new URL(
  import.meta.url.endsWith(".ts") ? "./OrtWorker.ts" : "./OrtWorker.js",
  import.meta.url
)

/** Whose words errors repeat. @category constants */
export const runtime = "onnx runtime"

/** Enough to look at a model. @category constants */
export const lookSettings: Mailbox.NativeSettings = { intraOpNumThreads: 1, graphOptimizationLevel: "disabled" }
