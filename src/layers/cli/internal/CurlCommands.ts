/** Three commands to paste that ask the running server: is it ready, what is this model, and an inference. */
import { byteSize } from "../../../schema/DataType.ts"
import type { SignatureTensor } from "../../../schema/ModelSignature.ts"
import type { Model } from "../../../services/ModelRepository.ts"

/** A larger request goes as binary zeros instead of numbers in the command. */
const maxJsonElements = 64
/** Nobody wants to send more than this for a first look. */
const maxBytes = 64 * 1024 * 1024

/** A shape that the model takes: every free dimension is 1. */
const shapeOf = (input: SignatureTensor): ReadonlyArray<number> => input.shape.map((size) => size < 0 ? 1 : size)

const count = (shape: ReadonlyArray<number>): number => shape.reduce((product, size) => product * size, 1)

/** Dimensions, apart from the batch, for which 1 is only a guess. */
const freeDimensions = (model: Model): number =>
  model.signature.inputs.reduce((sum, input) => sum + input.dims.filter((size) => size < 0).length, 0)

const required = (model: Model): ReadonlyArray<SignatureTensor> =>
  model.signature.inputs.filter(({ optional }) => !optional)

const elements = (model: Model): number => required(model).reduce((sum, input) => sum + count(shapeOf(input)), 0)

const bytes = (model: Model): number =>
  required(model).reduce((sum, input) => sum + count(shapeOf(input)) * byteSize(input.datatype), 0)

const inJson = (input: SignatureTensor): boolean => input.datatype !== "FP16" && input.datatype !== "BF16"

const isCorrelated = (model: Model): boolean => model.config.sequence_batching !== undefined

/**
 * The model to show: one whose request is surely right and small. Models that keep state between requests come last, then those
 * with free dimensions, then larger ones.
 *
 * @category getters
 */
export const choose = (models: ReadonlyArray<Model>): Model | undefined =>
  models
    .filter((model) =>
      bytes(model) <= maxBytes
      && (elements(model) <= maxJsonElements || required(model).every(({ datatype }) => datatype !== "BYTES"))
    )
    .toSorted((a, b) =>
      Number(isCorrelated(a)) - Number(isCorrelated(b))
      || freeDimensions(a) - freeDimensions(b)
      || elements(a) - elements(b)
      || (a.name < b.name ? -1 : 1)
    )[0]

/** Values 0, 1, 2 … in the datatype's JSON form, within the range of every datatype. */
const values = (input: SignatureTensor): ReadonlyArray<number | boolean | string> =>
  Array.from({ length: count(shapeOf(input)) }, (_, i) => {
    const value = i % 100
    return input.datatype === "BOOL" ? value % 2 === 1 : input.datatype === "BYTES" ? String(value) : value
  })

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

const inferCommand = (base: string, model: Model): string => {
  const url = quote(`${base}/v2/models/${encodeURIComponent(model.name)}/infer`)
  const inputs = required(model)
  if (elements(model) <= maxJsonElements && inputs.every(inJson)) {
    const body = JSON.stringify({
      inputs: inputs.map((input) => ({
        name: input.name,
        shape: shapeOf(input),
        datatype: input.datatype,
        data: values(input)
      }))
    })
    return `curl -s -d ${quote(body)} ${url}`
  }
  const header = JSON.stringify({
    inputs: inputs.map((input) => ({
      name: input.name,
      shape: shapeOf(input),
      datatype: input.datatype,
      parameters: { binary_data_size: count(shapeOf(input)) * byteSize(input.datatype) }
    })),
    parameters: { binary_data_output: true }
  })
  const length = new TextEncoder().encode(header).length
  return `{ printf %s ${quote(header)}; head -c ${bytes(model)} /dev/zero; } | `
    + `curl -s --data-binary @- -H 'Inference-Header-Content-Length: ${length}' ${url} | head -c 400 | tr -c '[:print:]' .`
}

/**
 * Commands in order: readiness, metadata of a model, an inference; the last two only where a model can be shown. Of one that loads
 * when it is asked for nothing but its name is known: `onDemand`, of which the metadata is asked for.
 *
 * @category formatting
 */
export const commands = (
  base: string,
  models: ReadonlyArray<Model>,
  onDemand?: string
): ReadonlyArray<string> => {
  const metadata = (name: string) => `curl -s ${quote(`${base}/v2/models/${encodeURIComponent(name)}`)}`
  const model = choose(models)
  return [
    `curl -i ${quote(`${base}/v2/health/ready`)}`,
    ...(model !== undefined
      ? [metadata(model.name), inferCommand(base, model)]
      : onDemand === undefined
      ? []
      : [metadata(onDemand)])
  ]
}
