/** The TypeScript module that `galatea codegen` writes, and what an earlier one says. */
import { Result } from "effect"
import type { ModelDescription, ModelDescriptions, TensorDescription } from "../../../../client/Models.ts"
import * as Visible from "../Visible.ts"
import * as ObjectLiteral from "./ObjectLiteral.ts"

/** Names can come from anybody: no reader of the module shall see another order of characters than there is. */
const key = (name: string): string => /^[A-Za-z_$][\w$]*$/.test(name) ? name : Visible.text(JSON.stringify(name))

const block = (members: ReadonlyArray<string>, indent: string): string =>
  members.length === 0 ? "{}" : `{\n${members.map((member) => `${indent}  ${member}`).join(",\n")}\n${indent}}`

const tensorText = ([name, { datatype, optional, shape }]: readonly [string, TensorDescription]): string =>
  `${key(name)}: { datatype: "${datatype}", shape: [${shape.join(", ")}]${
    optional === true ? ", optional: true" : ""
  } }`

const modelText = ([name, { inputs, outputs }]: readonly [string, ModelDescription]): string =>
  `${key(name)}: ${
    block([
      `inputs: ${block(Object.entries(inputs).map(tensorText), "    ")}`,
      `outputs: ${block(Object.entries(outputs).map(tensorText), "    ")}`
    ], "  ")
  }`

/** @internal */
export const render = (models: ModelDescriptions): string =>
  `/**
 * Written by \`galatea codegen\`. Write it again instead of changing it; \`galatea codegen --check\` tells whether it is up to date.
 */
import { connect as connectTo, type HttpOptions, type InferenceClient } from "galatea/client"

/** Inputs and outputs of each model; -1 stands for any size. */
export const models = ${block(Object.entries(models).map(modelText), "")} as const

/** The models, as types. */
export type Models = typeof models

/** A client whose calls are checked against these models: while they compile, and before they are sent. */
export const connect = (
  url: string | URL,
  options: Omit<HttpOptions<Models>, "models"> = {}
): InferenceClient<Models> => connectTo<Models>(url, { ...options, models })
`

const declaration = /\bexport const models\s*=\s*/

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isTensors = (value: unknown): value is ModelDescription["inputs"] =>
  isRecord(value) &&
  Object.values(value).every((tensor) =>
    isRecord(tensor) && typeof tensor["datatype"] === "string" && Array.isArray(tensor["shape"])
  )

const isModels = (value: unknown): value is ModelDescriptions =>
  isRecord(value) &&
  Object.values(value).every((model) => isRecord(model) && isTensors(model["inputs"]) && isTensors(model["outputs"]))

/** The models of a module, however it was formatted since; a failure says why it cannot be one. @internal */
export const read = (text: string): Result.Result<ModelDescriptions, string> => {
  const match = declaration.exec(text)
  if (match === null) return Result.fail("it has no `export const models =`")
  return Result.flatMap(
    ObjectLiteral.read(text, match.index + match[0].length),
    (value) =>
      isModels(value) ? Result.succeed(value) : Result.fail("its `models` are not as `galatea codegen` writes them")
  )
}
