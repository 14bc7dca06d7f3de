/** Finds the lines of text in the map of a page, and cuts them out at the size that the recognition model takes. */
import { type CustomModel, Tensor } from "galatea/custom"
import { type Box, find } from "./boxes.ts"

const height = 48
const headWidth = 192
/** Widths are multiples of this, so that lines of about the same length run together. */
const widthStep = 64
const maxWidth = 3200

interface Page {
  readonly pixels: Uint8Array
  readonly width: number
}

/** Writes a box into three planes of so many columns, at most `width` of them, and leaves the rest at zero. */
const scale = ({ pixels, width: stride }: Page, box: Box, width: number, columns: number, into: Float32Array): void => {
  const wide = box.right - box.left
  const high = box.bottom - box.top
  const used = Math.min(width, columns)
  const plane = height * columns
  for (let y = 0; y < height; y++) {
    const v = Math.min(high - 1, Math.max(0, (y + 0.5) * high / height - 0.5))
    const above = Math.floor(v)
    const upper = (box.top + above) * stride + box.left
    const lower = upper + (above + 1 < high ? stride : 0)
    for (let x = 0; x < used; x++) {
      const u = Math.min(wide - 1, Math.max(0, (x + 0.5) * wide / width - 0.5))
      const left = Math.floor(u)
      const right = Math.min(wide - 1, left + 1)
      const top = pixels[upper + left]! * (left + 1 - u) + pixels[upper + right]! * (u - left)
      const bottom = pixels[lower + left]! * (left + 1 - u) + pixels[lower + right]! * (u - left)
      const value = (top + (bottom - top) * (v - above)) / 127.5 - 1
      const at = y * columns + x
      into[at] = value
      into[plane + at] = value
      into[2 * plane + at] = value
    }
  }
}

const run: CustomModel.Run = ({ map, page }) => {
  const [pageHeight, pageWidth] = page!.shape as [number, number]
  const [, , mapWidth] = map!.shape as [number, number, number]
  const boxes = find(Tensor.values(map!, "FP32"), mapWidth, pageWidth, pageHeight)
  const source: Page = { pixels: page!.data, width: pageWidth }

  const widths = boxes.map(({ bottom, left, right, top }) =>
    Math.min(maxWidth, Math.max(1, Math.round(height * (right - left) / (bottom - top))))
  )
  const columns = widths.map((width) => Math.ceil(width / widthStep) * widthStep)
  const heads = new Float32Array(boxes.length * 3 * height * headWidth)
  const lines = new Float32Array(columns.reduce((sum, width) => sum + 3 * height * width, 0))
  let at = 0
  for (const [i, box] of boxes.entries()) {
    const head = heads.subarray(i * 3 * height * headWidth, (i + 1) * 3 * height * headWidth)
    scale(source, box, widths[i]!, headWidth, head)
    const size = 3 * height * columns[i]!
    scale(source, box, widths[i]!, columns[i]!, lines.subarray(at, at + size))
    at += size
  }
  return [
    Tensor.from("boxes", [boxes.length, 4], Int32Array.from(boxes.flatMap((box) => [box.left, box.top, box.right, box.bottom]))),
    Tensor.from("heads", [boxes.length, 3, height, headWidth], heads),
    Tensor.from("lines", [lines.length], lines),
    Tensor.from("shapes", [boxes.length, 3], BigInt64Array.from(columns.flatMap((width) => [3, height, width]), BigInt))
  ]
}

export default run
