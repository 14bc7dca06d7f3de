/**
 * What `batch_input` asks for, in a warm-up sample: all of its requests are alike.
 *
 * Source: model-config §6.3.
 */
import type { Tensor } from "../../../../schema/Inference.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import { elementCount } from "../../../../schema/Shape.ts"

const valueSize = 4

const repeat = (rows: number, values: ReadonlyArray<number>): ReadonlyArray<number> =>
  Array.from({ length: rows }, () => values).flat()

/** Shape and values for so many requests, each with an input whose row has the shape `item`. */
const valuesOf = (
  kind: ModelConfig["batch_input"][number]["kind"],
  item: ReadonlyArray<number> | undefined,
  rows: number
): readonly [shape: ReadonlyArray<number>, values: ReadonlyArray<number>] => {
  const elements = item === undefined ? 0 : elementCount(item)
  const shape = item ?? []
  switch (kind) {
    case "BATCH_ELEMENT_COUNT":
      return [[rows], repeat(rows, [elements])]
    case "BATCH_ACCUMULATED_ELEMENT_COUNT":
      return [[rows], Array.from({ length: rows }, (_, row) => (row + 1) * elements)]
    case "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO":
      return [[rows + 1], Array.from({ length: rows + 1 }, (_, row) => row * elements)]
    case "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE":
      return [[elements], repeat(elements, [0])]
    case "BATCH_ITEM_SHAPE":
      return [[rows, shape.length], repeat(rows, shape)]
    default:
      return [[rows * shape.length], repeat(rows, shape)]
  }
}

/**
 * The tensors of all targets of a config for `rows` requests of one row. `items` are the shapes of a row by input, without the
 * batch; inputs that a sample leaves out have none.
 *
 * @category constructors
 */
export const make = (
  config: ModelConfig,
  items: ReadonlyMap<string, ReadonlyArray<number>>,
  rows: number
): ReadonlyArray<Tensor> =>
  config.batch_input.flatMap(({ data_type, kind, source_input, target_name }) => {
    const [shape, values] = valuesOf(kind, items.get(source_input[0] ?? ""), rows)
    const data = new Uint8Array(values.length * valueSize)
    const view = new DataView(data.buffer)
    const isFloat = data_type === "TYPE_FP32"
    for (let i = 0; i < values.length; i++) {
      if (isFloat) view.setFloat32(i * valueSize, values[i]!, true)
      else view.setInt32(i * valueSize, values[i]!, true)
    }
    return target_name.map((name): Tensor => ({ name, datatype: isFloat ? "FP32" : "INT32", shape, data }))
  })
