/** The header of a `.npy` file: a Python dictionary with three members. */
import { NpyFault } from "./NpyFault.ts"

/** What a header says. @category models */
export interface Fields {
  readonly descr: string
  /** The first index varies fastest. */
  readonly fortran: boolean
  readonly shape: ReadonlyArray<number>
}

const text = (header: string, name: string): string => {
  const match = new RegExp(`['"]${name}['"]\\s*:\\s*['"]([^'"]*)['"]`).exec(header)
  if (match !== null) return match[1]!
  throw new NpyFault(
    header.includes(`'${name}': [`)
      ? "holds records of several fields, which no tensor has"
      : `has a header without '${name}'`
  )
}

/** The members of a header. Throws `NpyFault`. @category constructors */
export const readFields = (header: string): Fields => {
  const descr = text(header, "descr")
  const fortran = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(header)
  const shape = /['"]shape['"]\s*:\s*\(([\d\sL,]*)\)/.exec(header)
  if (fortran === null || shape === null) throw new NpyFault("has a header without 'fortran_order' or 'shape'")
  const sizes = shape[1]!.split(",").map((size) => size.replace("L", "").trim()).filter((size) => size !== "").map(
    Number
  )
  if (!sizes.every(Number.isSafeInteger)) throw new NpyFault(`has the shape (${shape[1]}), which cannot be read`)
  return { descr, fortran: fortran[1] === "True", shape: sizes }
}
