/** Reads the text of lines out of the probabilities of their characters. The dictionary is read once, when the model is loaded. */
import { Effect } from "effect"
import { type CustomModel, InvalidRequest, Tensor } from "galatea/custom"
import { readFile } from "node:fs/promises"
import { join } from "node:path"

/** Class 0 is "no character", then come those of the dictionary, then a blank. */
const alphabetOf = (dictionary: string): ReadonlyArray<string> => ["", ...dictionary.replace(/\n$/, "").split("\n"), " "]

interface Line {
  readonly text: string
  readonly confidence: number
}

const read = (probabilities: Float32Array, alphabet: ReadonlyArray<string>): Line => {
  const classes = alphabet.length
  let text = ""
  let sum = 0
  let previous = 0
  let found = 0
  for (let at = 0; at < probabilities.length; at += classes) {
    let best = 0
    for (let i = 1; i < classes; i++) if (probabilities[at + i]! > probabilities[at + best]!) best = i
    // The same class twice in a row is one character drawn wide.
    if (best !== previous && best !== 0) {
      text += alphabet[best]!
      sum += probabilities[at + best]!
      found++
    }
    previous = best
  }
  return { text: text.trim(), confidence: found === 0 ? 0 : sum / found }
}

export const make = Effect.fn(function*({ directory, parameters }: CustomModel.Instance) {
  const path = join(directory, parameters["dictionary"]!)
  const alphabet = alphabetOf(yield* Effect.promise(() => readFile(path, "utf8")))

  const run: CustomModel.Run<InvalidRequest> = Effect.fn(function*({ characters, shapes }) {
    const all = Tensor.values(characters!, "FP32")
    const dims = Tensor.values(shapes!, "INT64")
    const lines: Array<Line> = []
    let at = 0
    for (let line = 0; line < shapes!.shape[0]!; line++) {
      const steps = Number(dims[2 * line])
      const classes = Number(dims[2 * line + 1])
      if (classes !== alphabet.length) {
        return yield* new InvalidRequest({
          message: `the model knows ${classes} characters, the dictionary ${alphabet.length}`
        })
      }
      lines.push(read(all.subarray(at, at + steps * classes), alphabet))
      at += steps * classes
    }
    return [
      Tensor.fromStrings("text", [lines.length], lines.map(({ text }) => text)),
      Tensor.from("confidence", [lines.length], Float32Array.from(lines, ({ confidence }) => confidence))
    ]
  })
  return run
})
