/**
 * Finds the speech in a recording with Silero VAD, versions 5 and 6, served as two versions of one model.
 *
 *     node examples/vad.ts [http://127.0.0.1:8000]
 *
 * The recording goes to the model as it would come from a microphone: 32 ms at a time, with the model's state carried from one
 * answer into the next request. The result is compared with where the speech is known to be; exit code 1 if it differs.
 */
import { readFileSync } from "node:fs"
import { type OutputTensor, tensor } from "../src/client/Client.ts"
import { clientOf, fail, orFail } from "./program.ts"

const sampleRate = 16_000
/** Samples of one step, and samples of the step before that the model wants to see again in front of them. */
const windowLength = 512
const contextLength = 64
/** Speech starts at this probability, and ends after this many quiet windows (0.26 s). */
const threshold = 0.5
const quietWindows = 8

/** What the model takes and gives, as `galatea codegen` writes it. */
const client = clientOf({
  silero_vad: {
    inputs: {
      input: { datatype: "FP32", shape: [-1, -1] },
      state: { datatype: "FP32", shape: [2, -1, 128] },
      sr: { datatype: "INT64", shape: [1] }
    },
    outputs: {
      output: { datatype: "FP32", shape: [-1, 1] },
      stateN: { datatype: "FP32", shape: [-1, -1, -1] }
    }
  }
})

/** Seconds. */
interface Segment {
  readonly start: number
  readonly end: number
}

/** Where the speech of `assets/speech.wav` is, to a quarter of a second. */
const expected: ReadonlyArray<Segment> = [{ start: 0.55, end: 2.05 }, { start: 3.05, end: 4.2 }]
const tolerance = 0.25

const readWav = (url: URL): Int16Array => {
  const file = readFileSync(url)
  if (
    file.toString("latin1", 0, 4) !== "RIFF" || file.readUInt32LE(24) !== sampleRate || file.readUInt16LE(34) !== 16
  ) {
    return fail(`${url.pathname} is not a 16-bit WAV of ${sampleRate} Hz`)
  }
  const data = file.indexOf("data", 12, "latin1")
  const samples = new Int16Array(file.readUInt32LE(data + 4) >> 1)
  for (let i = 0; i < samples.length; i++) samples[i] = file.readInt16LE(data + 8 + 2 * i)
  return samples
}

/** Probability of speech in each window of the recording. */
const probabilities = async (version: number, samples: Int16Array): Promise<Array<number>> => {
  const window = new Float32Array(contextLength + windowLength)
  let state: OutputTensor<"FP32", readonly [number, number, number]> = tensor(new Float32Array(2 * 128), [2, 1, 128])
  const found: Array<number> = []
  for (let start = 0; start + windowLength <= samples.length; start += windowLength) {
    window.copyWithin(0, windowLength)
    for (let i = 0; i < windowLength; i++) window[contextLength + i] = samples[start + i]! / 32_768
    const { outputs } = await client.infer("silero_vad", {
      input: tensor(window, [1, window.length]),
      state,
      sr: BigInt64Array.of(BigInt(sampleRate))
    }, { version, outputs: ["output", "stateN"] }).catch(orFail)
    // What came out goes in again as it is.
    state = outputs.stateN
    found.push(outputs.output.data[0]!)
  }
  return found
}

const segments = (found: ReadonlyArray<number>): Array<Segment> => {
  const seconds = (window: number) => window * windowLength / sampleRate
  const result: Array<Segment> = []
  let start = -1
  let last = -1
  for (const [index, probability] of found.entries()) {
    if (probability >= threshold) {
      if (start < 0) start = index
      last = index
    } else if (start >= 0 && index - last > quietWindows) {
      result.push({ start: seconds(start), end: seconds(last + 1) })
      start = -1
    }
  }
  if (start >= 0) result.push({ start: seconds(start), end: seconds(last + 1) })
  return result
}

const near = (a: number, b: number): boolean => Math.abs(a - b) <= tolerance

const samples = readWav(new URL("assets/speech.wav", import.meta.url))
for (const version of [5, 6]) {
  const began = performance.now()
  const found = await probabilities(version, samples)
  const spent = performance.now() - began
  const speech = segments(found)
  console.log(`silero_vad version ${version}: ${found.length} requests in ${spent.toFixed(0)} ms`)
  for (const { start, end } of speech) console.log(`  speech from ${start.toFixed(2)} s to ${end.toFixed(2)} s`)
  const right = speech.length === expected.length &&
    speech.every(({ start, end }, i) => near(start, expected[i]!.start) && near(end, expected[i]!.end))
  if (!right) {
    fail(`version ${version} should find ${expected.map(({ start, end }) => `${start}–${end} s`).join(" and ")}`)
  }
}
console.log("ok")
