/** Proto files as text, for those who make clients out of them. */
import type { EnumType, Field, MessageType, Rpc, ServiceType } from "./Descriptor.ts"
import type { Declaration, ProtoFile } from "./ProtoFile.ts"
import { simpleName } from "./ProtoFile.ts"

type Lines = ReadonlyArray<string>

const indent = (lines: Lines): Lines => lines.map((line) => line === "" ? "" : `  ${line}`)

const block = (head: string, body: Lines): Lines =>
  body.length === 0 ? [`${head} {}`] : [`${head} {`, ...indent(body), "}"]

/** A type as it is named inside of a message: without what both names have in front. */
const relative = (scope: string, fullName: string): string => {
  const around = scope.split(".")
  const parts = fullName.split(".")
  let shared = 0
  while (shared < parts.length - 1 && parts[shared] === around[shared]) shared++
  return parts.slice(shared).join(".")
}

const typeName = (scope: string, field: Field): string =>
  field.type === undefined ? field.kind : relative(scope, field.type.fullName)

const fieldLine = (parent: MessageType, field: Field): string => {
  const type = typeName(parent.fullName, field)
  const whole = field.label === "map"
    ? `map<${field.key ?? "string"}, ${type}>`
    : field.label === "repeated"
    ? `repeated ${type}`
    : type
  return `${whole} ${field.name} = ${field.number};`
}

const fieldLines = (type: MessageType): Lines => {
  const done = new Set<string>()
  return type.fields.flatMap((field): Lines => {
    const { oneof } = field
    if (oneof === undefined) return [fieldLine(type, field)]
    if (done.has(oneof)) return []
    done.add(oneof)
    return block(
      `oneof ${oneof}`,
      type.fields.flatMap((member) => member.oneof === oneof ? [fieldLine(type, member)] : [])
    )
  })
}

const enumLines = ({ fullName, numbers }: EnumType): Lines =>
  block(`enum ${simpleName(fullName)}`, Object.entries(numbers).map(([name, number]) => `${name} = ${number};`))

/** Declarations with an empty line between them. */
const spaced = (declarations: ReadonlyArray<Lines>): Lines =>
  declarations.flatMap((lines, index) => index === 0 || lines.length === 0 ? lines : ["", ...lines])

const messageLines = ({ enums, messages, type }: Declaration): Lines =>
  block(
    `message ${simpleName(type.fullName)}`,
    spaced([...enums.map(enumLines), ...messages.map(messageLines), fieldLines(type)])
  )

const rpcLine = (scope: string, rpc: Rpc): string => {
  const stream = (streaming: boolean | undefined, type: MessageType) =>
    `(${streaming === true ? "stream " : ""}${relative(scope, type.fullName)})`
  return `rpc ${rpc.name}${stream(rpc.clientStreaming, rpc.request)} returns ${
    stream(rpc.serverStreaming, rpc.response)
  };`
}

const serviceLines = ({ fullName, rpcs }: ServiceType): Lines =>
  block(`service ${simpleName(fullName)}`, rpcs.map((rpc: Rpc) => rpcLine(fullName, rpc)))

/** The text of a proto file: protobuf language version 3. @category encoding */
export const printProtoFile = (file: ProtoFile): string =>
  spaced([
    ["syntax = \"proto3\";"],
    [`package ${file.package};`],
    ...(file.imports.length === 0 ? [] : [file.imports.map(({ name }) => `import "${name}";`)]),
    ...file.services.map(serviceLines),
    ...file.enums.map(enumLines),
    ...file.messages.map(messageLines)
  ]).map((line) => `${line}\n`).join("")
