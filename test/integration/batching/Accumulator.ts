/** A model that keeps the sum of each sequence by itself, and knows by its control inputs which row is whose. */
import type { Tensor } from "../../../src/schema/Inference.ts"

interface Run {
  readonly inputs: ReadonlyArray<Tensor>
  readonly outputs: ReadonlyArray<string>
}

interface Row {
  readonly ready: boolean
  readonly start: boolean
  readonly end: boolean
  readonly id: string
}

const find = (inputs: ReadonlyArray<Tensor>, name: string) => inputs.find((input) => input.name === name)

/** The controls are false where all their bytes are zero. */
const flag = (tensor: Tensor | undefined, row: number): boolean => {
  if (tensor === undefined) return false
  const size = tensor.data.byteLength / tensor.shape[0]!
  return tensor.data.subarray(row * size, (row + 1) * size).some((byte) => byte !== 0)
}

const ids = (tensor: Tensor): ReadonlyArray<string> => {
  const bytes = Buffer.from(tensor.data)
  const found: Array<string> = []
  for (let at = 0; at < bytes.length;) {
    if (tensor.datatype === "BYTES") {
      const length = bytes.readUInt32LE(at)
      found.push(bytes.toString("utf8", at + 4, at + 4 + length))
      at += 4 + length
    } else {
      found.push(String(bytes.readBigUInt64LE(at)))
      at += 8
    }
  }
  return found
}

const rowsOf = (inputs: ReadonlyArray<Tensor>): ReadonlyArray<Row> => {
  const corrid = find(inputs, "CORRID")
  return corrid === undefined ? [] : ids(corrid).map((id, row) => ({
    ready: flag(find(inputs, "READY"), row),
    start: flag(find(inputs, "START"), row),
    end: flag(find(inputs, "END"), row),
    id
  }))
}

/** Who is in a run: each row's id, after `^` at a START and before `$` at an END; `-` is padding. */
export const membersOf = (inputs: ReadonlyArray<Tensor>): string =>
  rowsOf(inputs).map(({ end, id, ready, start }) => {
    const text = `${start ? "^" : ""}${id}${end ? "$" : ""}`
    return ready ? text : text === "0" || text === "" ? "-" : `padding that says ${text}`
  }).join(" ")

/** An instance. A step of a sequence that it does not know makes no number. */
export const make = () => {
  const sums = new Map<string, Float32Array>()
  return ({ inputs, outputs }: Run): ReadonlyArray<Tensor> => {
    const counts = find(inputs, "COUNTS")
    const { data, shape } = counts ?? find(inputs, "INPUT0")!
    const all = new Float32Array(data.slice().buffer, 0, data.byteLength >> 2)
    const rows = rowsOf(inputs)
    const width = all.length / rows.length
    const results = new Float32Array(all.length)
    rows.forEach(({ end, id, ready, start }, row) => {
      if (!ready) return
      const values = all.subarray(row * width, (row + 1) * width)
      const sum = start ? values.slice() : values.map((value, at) => value + (sums.get(id)?.[at] ?? Number.NaN))
      if (end) sums.delete(id)
      else sums.set(id, sum)
      results.set(sum, row * width)
    })
    return outputs.map((name) => ({
      name,
      datatype: "FP32",
      shape: counts === undefined ? shape : [rows.length, 1],
      data: new Uint8Array(results.buffer)
    }))
  }
}
