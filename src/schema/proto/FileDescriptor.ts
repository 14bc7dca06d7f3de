/** Proto files in protobuf's own description, which reflection sends and every protobuf library can read. */
import type { DraftOf, EnumType, Field, MessageType, Rpc, ServiceType } from "./Descriptor.ts"
import { camelCase, entryType } from "./Descriptor.ts"
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FieldType,
  FileDescriptorProto,
  ServiceDescriptorProto
} from "./DescriptorFields.ts"
import type { Declaration, ProtoFile } from "./ProtoFile.ts"
import { simpleName } from "./ProtoFile.ts"

type FieldTypeName = keyof typeof FieldType["numbers"]

const fieldType = (field: Field): FieldTypeName => `TYPE_${field.kind.toUpperCase() as Uppercase<Field["kind"]>}`

const describeField = (
  parent: MessageType,
  field: Field,
  oneofs: ReadonlyArray<string>
): DraftOf<typeof FieldDescriptorProto> => {
  const type = field.label === "map" ? entryType(parent, field) : field.type
  return {
    name: field.name,
    number: field.number,
    label: field.label === undefined ? "LABEL_OPTIONAL" : "LABEL_REPEATED",
    type: field.label === "map" ? "TYPE_MESSAGE" : fieldType(field),
    type_name: type === undefined ? undefined : `.${type.fullName}`,
    oneof_index: field.oneof === undefined ? undefined : oneofs.indexOf(field.oneof),
    json_name: camelCase(field.name)
  }
}

const describeEnum = ({ fullName, numbers }: EnumType): DraftOf<typeof EnumDescriptorProto> => ({
  name: simpleName(fullName),
  value: Object.entries(numbers).map(([name, number]) => ({ name, number }))
})

/** Names of the oneofs of a message, in the order of their first members. @category getters */
export const oneofsOf = (type: MessageType): ReadonlyArray<string> => [
  ...new Set(type.fields.flatMap((field) => field.oneof ?? []))
]

const describeMessage = ({ enums, messages, type }: Declaration): DraftOf<typeof DescriptorProto> => {
  const oneofs = oneofsOf(type)
  const entries = type.fields.flatMap((field) => field.label === "map" ? [entryType(type, field)] : [])
  return {
    name: simpleName(type.fullName),
    field: type.fields.map((field) => describeField(type, field, oneofs)),
    nested_type: [
      ...messages.map(describeMessage),
      ...entries.map((entry) => ({
        ...describeMessage({ type: entry, messages: [], enums: [] }),
        options: { map_entry: true }
      }))
    ] as ReadonlyArray<DraftOf<MessageType>>,
    enum_type: enums.map(describeEnum),
    oneof_decl: oneofs.map((name) => ({ name }))
  }
}

const describeService = ({ fullName, rpcs }: ServiceType): DraftOf<typeof ServiceDescriptorProto> => ({
  name: simpleName(fullName),
  method: rpcs.map((rpc: Rpc) => ({
    name: rpc.name,
    input_type: `.${rpc.request.fullName}`,
    output_type: `.${rpc.response.fullName}`,
    client_streaming: rpc.clientStreaming,
    server_streaming: rpc.serverStreaming
  }))
})

/** A file as a `google.protobuf.FileDescriptorProto`. @category constructors */
export const describeFile = (file: ProtoFile): DraftOf<typeof FileDescriptorProto> => ({
  name: file.name,
  package: file.package,
  dependency: file.imports.map(({ name }) => name),
  message_type: file.messages.map(describeMessage),
  enum_type: file.enums.map(describeEnum),
  service: file.services.map(describeService),
  syntax: "proto3"
})
