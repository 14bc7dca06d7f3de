/** Makes jobs of golden requests, and says where they do not fit the model. */
import { Result } from "effect"
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import { defaultTolerance, type Tolerance } from "../../../../schema/GoldenRequest.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import { compareNames, type ModelSignature, type SignatureTensor } from "../../../../schema/ModelSignature.ts"
import { carry, matches, show } from "../../../../schema/Shape.ts"
import type { Job } from "../../../../services/Scheduler.ts"
import type { GoldenFile } from "./GoldenFile.ts"

/** An output that is looked at. @category models */
export interface Expected {
  /** In the shape that the model gives. */
  readonly tensor: Tensor
  /** In that of clients. */
  readonly shape: ReadonlyArray<number>
  readonly tolerance: Required<Tolerance>
}

/** A golden request that fits its version. @category models */
export interface GoldenJob {
  readonly name: string
  readonly job: Job
  /** In the order of the job's outputs. */
  readonly expected: ReadonlyArray<Expected>
}

const names = (tensors: ReadonlyArray<SignatureTensor>): string => tensors.map(({ name }) => `'${name}'`).join(", ")

/** What is wrong with a tensor, as the end of a sentence that names it. */
const misfit = (tensor: Tensor, spec: SignatureTensor): string | undefined => {
  if (tensor.datatype !== spec.datatype) return `has the datatype ${tensor.datatype}, expected ${spec.datatype}`
  if (!matches(tensor.shape, spec.shape)) return `has the shape ${show(tensor.shape)}, expected ${show(spec.shape)}`
  return undefined
}

/** The first tensor that is no tensor of the model, is there twice, or does not fit. */
const firstMisfit = (
  kind: "input" | "output",
  tensors: ReadonlyArray<Tensor>,
  specs: ReadonlyArray<SignatureTensor>
): string | undefined => {
  const seen = new Set<string>()
  for (const tensor of tensors) {
    const spec = specs.find(({ name }) => name === tensor.name)
    const problem = spec === undefined
      ? `is none of the model, which has ${names(specs)}`
      : seen.has(tensor.name)
      ? "is there twice"
      : misfit(tensor, spec)
    if (problem !== undefined) return `${kind} '${tensor.name}' ${problem}`
    seen.add(tensor.name)
  }
  return undefined
}

/** Rows of the inputs, and what is wrong with them. */
const rowsOf = (signature: ModelSignature, inputs: ReadonlyArray<Tensor>): Result.Result<number, string> => {
  let rows: number | undefined
  for (const { name, shape } of inputs) {
    const axis = signature.inputByName.get(name)!.batchAxis
    if (axis === BatchAxis.none) continue
    const own = shape[axis]!
    if (rows !== undefined && own !== rows) {
      return Result.fail(`input '${name}' has ${own} rows, expected ${rows} as another input has`)
    }
    if (own < 1 || own > signature.maxBatchSize) {
      return Result.fail(`input '${name}' has ${own} rows, expected 1 to ${signature.maxBatchSize}`)
    }
    rows = own
  }
  return Result.succeed(rows ?? 1)
}

const inModelShape = (tensor: Tensor, spec: SignatureTensor): Tensor =>
  spec.reshaped ? { ...tensor, shape: carry(spec.shape, tensor.shape, spec.modelShape) } : tensor

/** The job of a golden request; a failure says where it does not fit. @category constructors */
export const make = (
  { content, inputs, name, outputs }: GoldenFile,
  signature: ModelSignature
): Result.Result<GoldenJob, string> => {
  const problem = firstMisfit("input", inputs, signature.inputs) ?? firstMisfit("output", outputs, signature.outputs)
  if (problem !== undefined) return Result.fail(problem)
  const missing = signature.inputs.filter((spec) => !spec.optional && !inputs.some((input) => input.name === spec.name))
  if (missing.length > 0) return Result.fail(`input ${names(missing)} is missing`)
  return Result.map(rowsOf(signature, inputs), (batchSize) => {
    const expected = outputs.map((tensor, index): Expected => ({
      tensor: inModelShape(tensor, signature.outputByName.get(tensor.name)!),
      shape: tensor.shape,
      tolerance: { ...defaultTolerance, ...content.tolerance, ...content.response.outputs[index]!.tolerance }
    })).sort((a, b) => compareNames(a.tensor.name, b.tensor.name))
    return {
      name,
      job: {
        inputs: inputs.map((tensor) => inModelShape(tensor, signature.inputByName.get(tensor.name)!)),
        outputs: expected.map(({ tensor }) => tensor.name),
        batchSize,
        priority: 0,
        timeoutMicros: 0,
        deadlineMicros: 0
      },
      expected
    }
  })
}
