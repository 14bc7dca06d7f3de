/**
 * Reads a page of several lines, one of them upside down, with one request to the ensemble `ocr`.
 *
 *     node examples/ocr.ts [http://127.0.0.1:8000]
 *
 * The server finds the lines, cuts them out, sees which way up they are, and reads them: PaddleOCR's three models, with steps in
 * TypeScript between them (`examples/models/ocr`). Exit code 1 if the text read is not the text drawn.
 */
import { readFileSync } from "node:fs"
import { tensor } from "../src/client/Client.ts"
import { clientOf, fail, orFail } from "./program.ts"

const expected = [
  "Galatea serves 42 models",
  "Three steps, one request",
  "This line is upside down",
  "Small print",
  "The end"
]

/** Grey pixels of a binary PGM file. */
const readPgm = (url: URL) => {
  const file = readFileSync(url)
  const header = /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(file.toString("latin1", 0, 64))
  if (header === null) return fail(`${url.pathname} is not a PGM`)
  return { width: Number(header[1]), height: Number(header[2]), pixels: file.subarray(header[0].length) }
}

/** What the ensemble takes and gives, as `galatea codegen` writes it. */
const client = clientOf({
  ocr: {
    inputs: { page: { datatype: "UINT8", shape: [-1, -1] } },
    outputs: {
      text: { datatype: "BYTES", shape: [-1] },
      confidence: { datatype: "FP32", shape: [-1] },
      boxes: { datatype: "INT32", shape: [-1, 4] }
    }
  }
})

const { height, pixels, width } = readPgm(new URL("assets/page.pgm", import.meta.url))
const began = performance.now()
const { outputs } = await client.infer("ocr", { page: tensor(pixels, [height, width]) }).catch(orFail)
const spent = performance.now() - began

const { boxes, confidence, text } = outputs
console.log(`${width}×${height} pixels, ${text.data.length} lines in ${spent.toFixed(0)} ms`)
for (const [line, found] of text.data.entries()) {
  const [left, top] = boxes.data.subarray(4 * line)
  console.log(`  at ${left},${top}: "${found}" (${confidence.data[line]!.toFixed(2)})`)
}
if (JSON.stringify(text.data) !== JSON.stringify(expected)) fail(`expected ${JSON.stringify(expected)}`)
