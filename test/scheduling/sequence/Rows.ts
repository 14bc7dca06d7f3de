/** Tensors as rows of plain values, so that expectations need no arithmetic on bytes. */
import * as BytesElements from "../../../src/schema/BytesElements.ts"
import type { Tensor } from "../../../src/schema/Inference.ts"
import { floats, numbers, tensor } from "../Batches.ts"

export type Value = number | string

/** One row, without the dimension of the batch. */
export interface Row {
  readonly shape: ReadonlyArray<number>
  readonly values: ReadonlyArray<Value>
}

const size = (shape: ReadonlyArray<number>): number => shape.reduce((product, dim) => product * dim, 1)

/** Where an element of a row lies in the stack of `rows`. */
const placeOf = (shape: ReadonlyArray<number>, axis: number, rows: number, row: number, flat: number): number => {
  const inner = size(shape.slice(axis))
  return (Math.floor(flat / inner) * rows + row) * inner + flat % inner
}

/** Rows of equal shapes as one tensor, with the batch as dimension `axis`. */
export const stack = (name: string, axis: number, rows: ReadonlyArray<Row>): Tensor => {
  const { shape } = rows[0]!
  const values: Array<Value> = []
  for (const [row, { values: own }] of rows.entries()) {
    for (const [flat, value] of own.entries()) values[placeOf(shape, axis, rows.length, row, flat)] = value
  }
  const full = shape.toSpliced(axis, 0, rows.length)
  return typeof values[0] === "string"
    ? tensor(name, "BYTES", full, BytesElements.encode(values as ReadonlyArray<string>))
    : floats(name, full, values as ReadonlyArray<number>)
}

/** The rows of a tensor. */
export const unstack = (stacked: Tensor, axis: number): ReadonlyArray<Row> => {
  const shape = stacked.shape.toSpliced(axis, 1)
  const rows = stacked.shape[axis]!
  const values: ReadonlyArray<Value> = stacked.datatype === "BYTES"
    ? BytesElements.texts(stacked.data)
    : numbers(stacked)
  return Array.from({ length: rows }, (_, row): Row => ({
    shape,
    values: Array.from({ length: size(shape) }, (_, flat) => values[placeOf(shape, axis, rows, row, flat)]!)
  }))
}
