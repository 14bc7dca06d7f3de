/** The models whose answers are checked, and what is asked of them. */
import * as Onnx from "../../test/fixtures/onnx/Models.ts"
import * as models from "../models.ts"
import * as sequenceModels from "../sequenceModels.ts"
import type { Draws } from "./Draws.ts"

/** Rows are put together with those of other requests, large tensors and small ones; sums go on from step to step. */
export const repository = (folder: string): string => {
  const io = (kind: "input" | "output", ...names: ReadonlyArray<string>) =>
    models.io(kind, names.map((name) => [name, "INT32", "16"]))
  const batched = "max_batch_size: 64 dynamic_batching { }"
  models.write(
    folder,
    "sums",
    Onnx.simple(),
    `backend: "onnxruntime" ${batched} ${io("input", "INPUT0", "INPUT1")} ${io("output", "OUTPUT0", "OUTPUT1")}`
  )
  models.write(
    folder,
    "same",
    Onnx.identity("INT32", ["batch", "width"]),
    `backend: "onnxruntime" ${batched} ${models.io("input", [["INPUT0", "INT32", "-1"]])} ${
      models.io("output", [["OUTPUT0", "INT32", "-1"]])
    }`
  )
  models.write(folder, "texts", Onnx.identity("BYTES", ["batch", "width"]))
  models.write(
    folder,
    "running",
    sequenceModels.running(),
    sequenceModels.runningConfig(sequenceModels.strategies.oldest)
  )
  return folder
}

/** The outputs of an answer. */
export type Outputs = Readonly<Record<string, { readonly shape: ReadonlyArray<number>; readonly data: unknown }>>

/** A tensor of a question. */
export type Given =
  | { readonly datatype: "INT32"; readonly shape: ReadonlyArray<number>; readonly data: Int32Array }
  | { readonly datatype: "BYTES"; readonly shape: ReadonlyArray<number>; readonly data: ReadonlyArray<string> }

const int32 = (data: Int32Array, shape: ReadonlyArray<number>): Given => ({ datatype: "INT32", shape, data })

/** A question, and what is wrong with an answer to it. */
export interface Question {
  readonly model: string
  readonly inputs: Readonly<Record<string, Given>>
  readonly problem: (outputs: Outputs) => string | undefined
}

/** Where two lists differ first. */
const difference = (
  name: string,
  expected: ArrayLike<unknown>,
  output: Outputs[string] | undefined
): string | undefined => {
  const got = output?.data as ArrayLike<unknown> | undefined
  if (got?.length !== expected.length) return `${name} has ${got?.length} values instead of ${expected.length}`
  for (let i = 0; i < expected.length; i++) {
    if (got[i] !== expected[i]) return `${name} has ${got[i]} instead of ${expected[i]} at ${i} of ${expected.length}`
  }
  return undefined
}

/** Sums and differences of up to three rows. */
const sums = (draws: Draws): Question => {
  const shape = [1 + draws.below(3), 16]
  const a = draws.numbers(16 * shape[0]!)
  const b = draws.numbers(a.length)
  return {
    model: "sums",
    inputs: { INPUT0: int32(a, shape), INPUT1: int32(b, shape) },
    problem: ({ OUTPUT0, OUTPUT1 }) =>
      difference("OUTPUT0", a.map((value, i) => value + b[i]!), OUTPUT0) ??
        difference("OUTPUT1", a.map((value, i) => value - b[i]!), OUTPUT1)
  }
}

/** Mostly small, sometimes about as large as what is read at once, sometimes much larger. */
const widthOf = (draws: Draws): number => {
  const kind = draws.below(16)
  if (kind < 11) return 1 + draws.below(400)
  if (kind < 15) return 15_900 + draws.below(1000)
  return draws.below(200_000)
}

const same = (draws: Draws): Question => {
  const data = draws.numbers(widthOf(draws))
  return {
    model: "same",
    inputs: { INPUT0: int32(data, [1, data.length]) },
    problem: ({ OUTPUT0 }) => difference("OUTPUT0", data, OUTPUT0)
  }
}

const texts = (draws: Draws): Question => {
  const data = Array.from({ length: 1 + draws.below(6) }, () => "ä\u{1f600}z".repeat(draws.below(40)) + draws.bits())
  return {
    model: "texts",
    inputs: { INPUT0: { datatype: "BYTES", shape: [1, data.length], data } },
    problem: ({ OUTPUT0 }) => difference("OUTPUT0", data, OUTPUT0)
  }
}

/** Any of the models that keep nothing. */
export const question = (draws: Draws): Question => draws.below(4) === 0 ? texts(draws) : numbers(draws)

/** One of those whose tensors are 32-bit integers. */
export const numbers = (draws: Draws): Question => draws.below(3) === 0 ? same(draws) : sums(draws)

/** A step of a running sum, which is `before` until then and this one's afterwards. */
export const step = (draws: Draws, before: Int32Array): { readonly question: Question; readonly sum: Int32Array } => {
  const data = draws.numbers(16)
  const sum = data.map((value, i) => value + before[i]!)
  return {
    question: {
      model: "running",
      inputs: { INPUT: int32(data, [1, 16]) },
      problem: ({ OUTPUT }) => difference("OUTPUT", sum, OUTPUT)
    },
    sum
  }
}
