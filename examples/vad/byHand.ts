/** The model driven by hand: ONNX Runtime in this process, with the state carried from run to run. */
import { fileURLToPath } from "node:url"
import * as ort from "onnxruntime-node"
import { sampleRate } from "./recording.ts"

/** Probability of speech in each window. */
export const byHand = async (
  version: number,
  windows: ReadonlyArray<Float32Array<ArrayBuffer>>
): Promise<ReadonlyArray<number>> => {
  const path = fileURLToPath(new URL(`../models/silero_stream/${version}/model.onnx`, import.meta.url))
  const session = await ort.InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 3 })
  const sr = new ort.Tensor("int64", BigInt64Array.of(BigInt(sampleRate)), [])
  let state = new ort.Tensor("float32", new Float32Array(2 * 128), [2, 1, 128])
  const found: Array<number> = []
  for (const window of windows) {
    const input = new ort.Tensor("float32", window, [1, window.length])
    const { output, stateN } = await session.run({ input, state, sr })
    state = stateN as typeof state
    found.push((output!.data as Float32Array)[0]!)
  }
  await session.release()
  return found
}
