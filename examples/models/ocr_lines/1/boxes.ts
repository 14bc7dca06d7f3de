/** The boxes of connected pixels that belong to text. */

/** Pixels of the page; right and bottom are not in it. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/** A pixel belongs to text from here on, a box from that mean on. */
const pixelThreshold = 0.3
const boxThreshold = 0.6
/** The map shows lines thinner than they are: so much of area by circumference is put back around them. */
const growth = 1.6
const minSide = 4
const maxBoxes = 1000

/** The boxes from top to bottom, cut to the page. The map may be larger than the page. */
export const find = (
  map: Float32Array,
  width: number,
  pageWidth: number,
  pageHeight: number
): ReadonlyArray<Box> => {
  const seen = new Uint8Array(map.length)
  const boxes: Array<Box> = []
  for (let start = 0; start < map.length && boxes.length < maxBoxes; start++) {
    if (seen[start] === 1 || map[start]! < pixelThreshold) continue
    let [left, top, right, bottom] = [width, map.length, 0, 0]
    let pixels = 0
    let sum = 0
    const pending = [start]
    seen[start] = 1
    for (let pixel = pending.pop(); pixel !== undefined; pixel = pending.pop()) {
      const x = pixel % width
      const y = (pixel - x) / width
      pixels++
      sum += map[pixel]!
      left = Math.min(left, x)
      right = Math.max(right, x + 1)
      top = Math.min(top, y)
      bottom = Math.max(bottom, y + 1)
      const neighbours = [x > 0 ? pixel - 1 : -1, x < width - 1 ? pixel + 1 : -1, pixel - width, pixel + width]
      for (const next of neighbours) {
        if (next < 0 || next >= map.length || seen[next] === 1 || map[next]! < pixelThreshold) continue
        seen[next] = 1
        pending.push(next)
      }
    }
    const wide = right - left
    const high = bottom - top
    if (wide < minSide || high < minSide || sum / pixels < boxThreshold) continue
    const grow = Math.round(wide * high * growth / (2 * (wide + high)))
    const box: Box = {
      left: Math.max(0, left - grow),
      top: Math.max(0, top - grow),
      right: Math.min(pageWidth, right + grow),
      bottom: Math.min(pageHeight, bottom + grow)
    }
    if (box.right > box.left && box.bottom > box.top) boxes.push(box)
  }
  return boxes.sort((a, b) => a.top - b.top || a.left - b.left)
}
