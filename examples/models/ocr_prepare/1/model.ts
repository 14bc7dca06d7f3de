/**
 * Turns a grey page into the image that the detection model takes: three planes, normalised, both sides multiples of 32.
 */
import { type CustomModel, InvalidRequest, Tensor } from "galatea/custom"

const means = [0.485, 0.456, 0.406]
const deviations = [0.229, 0.224, 0.225]
const maxSide = 4096

const padded = (size: number): number => Math.ceil(size / 32) * 32

const run: CustomModel.Run<InvalidRequest> = ({ page }) => {
  const [height, width] = page!.shape as [number, number]
  if (height === 0 || width === 0 || height > maxSide || width > maxSide) {
    throw new InvalidRequest({ message: `a page has 1 to ${maxSide} pixels on each side, got ${width}×${height}` })
  }
  const pixels = page!.data
  const rows = padded(height)
  const columns = padded(width)
  const image = new Float32Array(3 * rows * columns)
  for (let channel = 0; channel < 3; channel++) {
    const mean = means[channel]!
    const deviation = deviations[channel]!
    let at = channel * rows * columns
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const grey = y < height && x < width ? pixels[y * width + x]! : 255
        image[at++] = (grey / 255 - mean) / deviation
      }
    }
  }
  return [Tensor.from("image", [3, rows, columns], image)]
}

export default run
