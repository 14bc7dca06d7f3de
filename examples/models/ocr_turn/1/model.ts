/** Turns lines by 180 degrees where the direction model is sure that they stand upside down. */
import { type CustomModel, Tensor } from "galatea/custom"

const run: CustomModel.Run = ({ directions, lines, shapes }, { parameters }) => {
  const threshold = Number(parameters["threshold"])
  const upsideDown = Tensor.values(directions!, "FP32")
  const dims = Tensor.values(shapes!, "INT64")
  const upright = Float32Array.from(Tensor.values(lines!, "FP32"))
  let at = 0
  for (let line = 0; line < shapes!.shape[0]!; line++) {
    const [planes, height, width] = Array.from(dims.subarray(3 * line, 3 * line + 3), Number) as [number, number, number]
    const plane = height * width
    for (let i = 0; i < planes; i++, at += plane) {
      if (upsideDown[2 * line + 1]! < threshold) continue
      upright.subarray(at, at + plane).reverse()
    }
  }
  return [Tensor.from("upright", [upright.length], upright)]
}

export default run
