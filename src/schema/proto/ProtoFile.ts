/** Proto files: which messages and services stand in which file, worked out from the descriptions alone. */
import type { EnumType, MessageType, ServiceType } from "./Descriptor.ts"

/** A message with what is declared inside of it. @category models */
export interface Declaration {
  readonly type: MessageType
  readonly messages: ReadonlyArray<Declaration>
  readonly enums: ReadonlyArray<EnumType>
}

/** @category models */
export interface ProtoFile {
  /** As other files import it: `grpc_service.proto`. */
  readonly name: string
  readonly package: string
  readonly imports: ReadonlyArray<ProtoFile>
  readonly messages: ReadonlyArray<Declaration>
  readonly enums: ReadonlyArray<EnumType>
  readonly services: ReadonlyArray<ServiceType>
  /** Full names of all messages and enums of the file. */
  readonly typeNames: ReadonlySet<string>
}

/** What a file is made of: it holds everything that its services and messages need and its imports do not have. @category models */
export interface Contents {
  readonly name: string
  readonly package: string
  readonly imports?: ReadonlyArray<ProtoFile>
  readonly messages?: ReadonlyArray<MessageType>
  readonly services?: ReadonlyArray<ServiceType>
}

type Named = MessageType | EnumType

const isMessage = (type: Named): type is MessageType => "fields" in type

const parentOf = (fullName: string): string => fullName.slice(0, fullName.lastIndexOf("."))

/** The last part of a full name. @category getters */
export const simpleName = (fullName: string): string => fullName.slice(fullName.lastIndexOf(".") + 1)

/** Everything that the contents refer to, outermost first, each once. */
const reachable = ({ imports = [], messages = [], services = [] }: Contents): ReadonlyArray<Named> => {
  const found = new Map<string, Named>()
  const visit = (type: Named): void => {
    if (found.has(type.fullName) || imports.some((file) => file.typeNames.has(type.fullName))) return
    found.set(type.fullName, type)
    if (isMessage(type)) { for (const field of type.fields) if (field.type !== undefined) visit(field.type) }
  }
  for (const { rpcs } of services) {
    for (const rpc of rpcs) {
      visit(rpc.request)
      visit(rpc.response)
    }
  }
  for (const type of messages) visit(type)
  return [...found.values()]
}

/** A proto file of some services and messages. @category constructors */
export const protoFile = (contents: Contents): ProtoFile => {
  const types = reachable(contents)
  const children = new Map<string, Array<Named>>()
  for (const type of types) {
    const parent = parentOf(type.fullName)
    const siblings = children.get(parent)
    if (siblings === undefined) children.set(parent, [type])
    else siblings.push(type)
  }
  const messagesIn = (parent: string): ReadonlyArray<Declaration> =>
    (children.get(parent) ?? []).filter(isMessage).map((type) => ({
      type,
      messages: messagesIn(type.fullName),
      enums: enumsIn(type.fullName)
    }))
  const enumsIn = (parent: string): ReadonlyArray<EnumType> =>
    (children.get(parent) ?? []).flatMap((type) => isMessage(type) ? [] : [type])
  return {
    name: contents.name,
    package: contents.package,
    imports: contents.imports ?? [],
    messages: messagesIn(contents.package),
    enums: enumsIn(contents.package),
    services: contents.services ?? [],
    typeNames: new Set(types.map((type) => type.fullName))
  }
}
