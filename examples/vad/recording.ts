/** The recording that the voice examples listen to, window by window, and what is to be found in it. */
import { readFileSync } from "node:fs"
import { fail } from "../program.ts"

export const sampleRate = 16_000
/** Samples of one step, and samples of the step before that the model wants to see again in front of them. */
const windowLength = 512
const contextLength = 64
/** Speech starts at this probability, and ends after this many quiet windows (0.26 s). */
const threshold = 0.5
const quietWindows = 8

/** Seconds. */
export interface Segment {
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

/** What the model gets of the recording, 32 ms at a time as from a microphone. */
export const windows = (): ReadonlyArray<Float32Array<ArrayBuffer>> => {
  const samples = readWav(new URL("../assets/speech.wav", import.meta.url))
  const found: Array<Float32Array<ArrayBuffer>> = []
  for (let start = 0; start + windowLength <= samples.length; start += windowLength) {
    const window = new Float32Array(contextLength + windowLength)
    for (let i = 0; i < window.length; i++) window[i] = (samples[start - contextLength + i] ?? 0) / 32_768
    found.push(window)
  }
  return found
}

/** Where speech is, by the probability of it in each window. */
export const segments = (found: ReadonlyArray<number>): ReadonlyArray<Segment> => {
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

/** Ends the program where the speech is not where it should be. */
export const checkSegments = (speech: ReadonlyArray<Segment>): void => {
  const near = (a: number, b: number) => Math.abs(a - b) <= tolerance
  const right = speech.length === expected.length &&
    speech.every(({ end, start }, i) => near(start, expected[i]!.start) && near(end, expected[i]!.end))
  if (!right) fail(`speech should be found at ${expected.map(({ end, start }) => `${start}–${end} s`).join(" and ")}`)
}
