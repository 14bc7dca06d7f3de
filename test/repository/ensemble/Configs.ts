/** Texts of ensembles for tests. */

/** What a step reads and writes: its inputs to ensemble tensors, its outputs to ensemble tensors. */
export interface Step {
  readonly model: string
  readonly version?: number | undefined
  readonly inputs: Readonly<Record<string, string>>
  readonly outputs: Readonly<Record<string, string>>
}

const map = (field: string, entries: Readonly<Record<string, string>>) =>
  Object.entries(entries).map(([key, value]) => `${field} { key: "${key}" value: "${value}" }`).join(" ")

export const step = ({ inputs, model, outputs, version = -1 }: Step): string =>
  `step { model_name: "${model}" model_version: ${version} ${map("input_map", inputs)} ${map("output_map", outputs)} }`

export interface Tensor {
  readonly type?: string
  readonly dims?: string
  readonly more?: string
}

const tensor = (kind: string, name: string, { dims = "16", more = "", type = "INT32" }: Tensor = {}) =>
  `${kind} { name: "${name}" data_type: TYPE_${type} dims: [ ${dims} ] ${more} }`

export interface Ensemble {
  readonly steps: ReadonlyArray<Step>
  readonly batch?: number
  readonly inputs?: Readonly<Record<string, Tensor>>
  readonly outputs?: Readonly<Record<string, Tensor>>
  readonly more?: string
}

export const ensemble = (
  { batch = 4, inputs = { IN: {} }, more = "", outputs = { OUT: {} }, steps }: Ensemble
): string =>
  [
    `platform: "ensemble" max_batch_size: ${batch}`,
    ...Object.entries(inputs).map(([name, io]) => tensor("input", name, io)),
    ...Object.entries(outputs).map(([name, io]) => tensor("output", name, io)),
    `ensemble_scheduling { ${steps.map(step).join(" ")} }`,
    more
  ].join("\n")

/** A step of a model of `Models.simple`: twice one tensor in, the sum out. */
export const doubling = (model: string, from: string, to: string, version?: number): Step => ({
  model,
  version,
  inputs: { INPUT0: from, INPUT1: from },
  outputs: { OUTPUT0: to }
})

/** A step of an ensemble that has one input and one output by default names. */
export const nested = (model: string, from: string, to: string): Step => ({
  model,
  inputs: { IN: from },
  outputs: { OUT: to }
})

/** One step after the other, from `IN` to `OUT`. */
export const chain = (...models: ReadonlyArray<string | ((from: string, to: string) => Step)>): string =>
  ensemble({
    steps: models.map((model, i) => {
      const from = i === 0 ? "IN" : `t${i}`
      const to = i === models.length - 1 ? "OUT" : `t${i + 1}`
      return typeof model === "string" ? doubling(model, from, to) : model(from, to)
    })
  })
