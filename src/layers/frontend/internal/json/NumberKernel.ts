/**
 * The inner loops that turn the text of a JSON array of numbers into binary, in WebAssembly.
 *
 * The text passes through a window of the module's memory, the numbers through a buffer beside it. A kernel walks brackets, commas and
 * white space, and takes every literal that it can convert exactly; at any other it stops, and JavaScript goes on from there.
 *
 * Eight digits are read with one 64-bit load. Their count is found from the first byte that is none, and their value with three
 * multiplications, both without a branch; sixteen at once are read with vector instructions where a fraction is that long. Reading goes on
 * before the count is known wherever a branch can foresee it.
 */
import { floats } from "./FloatKernel.ts"
import { integers } from "./IntegerKernel.ts"
import { fillTables, pages } from "./KernelMemory.ts"
import { assemble } from "./Wasm.ts"

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly "0": { readonly value: number }
  readonly "1": { readonly value: number }
  readonly "2": { readonly value: number }
  readonly "3": { readonly value: number }
  readonly floats: (
    position: number,
    safe: number,
    target: number,
    targetEnd: number,
    depth: number,
    expecting: number,
    isSingle: number
  ) => number
  readonly integers: (
    position: number,
    safe: number,
    target: number,
    targetEnd: number,
    depth: number,
    expecting: number,
    size: number,
    lowest: bigint,
    highest: bigint
  ) => number
}

/** The part of the platform that is used; its types belong to a library that a server does not load. */
declare const WebAssembly: {
  readonly Module: new(bytes: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new(module: object) => { readonly exports: unknown }
}

/** The kernels and the globals in which they leave position, target, depth and expectation. @internal */
export const kernels = new WebAssembly.Instance(new WebAssembly.Module(assemble([floats, integers], 4, pages)))
  .exports as unknown as Exports

/** The module's memory. @internal */
export const memory = new Uint8Array(kernels.memory.buffer)

fillTables(kernels.memory.buffer)
