/** What differs between the models of a module and those that there are. */
import type { ModelDescription, ModelDescriptions, TensorDescription } from "../../../../client/Models.ts"

const text = ({ datatype, optional, shape }: TensorDescription): string =>
  `${datatype}[${shape.join(",")}]${optional === true ? ", optional" : ""}`

const tensors = (
  kind: string,
  before: ModelDescription["inputs"],
  now: ModelDescription["inputs"]
): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const was = before[name]
    const is = now[name]
    if (was === undefined) lines.push(`${kind} ${name} is new: ${text(is!)}`)
    else if (is === undefined) lines.push(`${kind} ${name} is gone, it was ${text(was)}`)
    else if (text(was) !== text(is)) lines.push(`${kind} ${name} was ${text(was)}, is ${text(is)}`)
  }
  return lines
}

/** One line for each difference; none when nothing drifted. Order does not matter. @internal */
export const between = (before: ModelDescriptions, now: ModelDescriptions): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const was = before[name]
    const is = now[name]
    if (was === undefined) lines.push(`${name} is new`)
    else if (is === undefined) lines.push(`${name} is gone`)
    else {
      const changes = [...tensors("input", was.inputs, is.inputs), ...tensors("output", was.outputs, is.outputs)]
      lines.push(...changes.map((change) => `${name}: ${change}`))
    }
  }
  return lines
}
