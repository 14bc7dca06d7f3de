/**
 * Protobuf's own description of proto files: as much of its messages as describing files of this server takes.
 *
 * Source: `google/protobuf/descriptor.proto`, a proto2 file: its scalars tell absent from default.
 */
import type { MessageType } from "./Descriptor.ts"
import { enumeration, message } from "./Descriptor.ts"

/** @category descriptors */
export const FieldType = enumeration("google.protobuf.FieldDescriptorProto.Type", {
  TYPE_DOUBLE: 1,
  TYPE_FLOAT: 2,
  TYPE_INT64: 3,
  TYPE_UINT64: 4,
  TYPE_INT32: 5,
  TYPE_BOOL: 8,
  TYPE_STRING: 9,
  TYPE_MESSAGE: 11,
  TYPE_BYTES: 12,
  TYPE_UINT32: 13,
  TYPE_ENUM: 14
})

/** @category descriptors */
export const FieldDescriptorProto = message("google.protobuf.FieldDescriptorProto", [
  { name: "name", number: 1, kind: "string", optional: true },
  { name: "number", number: 3, kind: "int32", optional: true },
  {
    name: "label",
    number: 4,
    kind: "enum",
    optional: true,
    type: enumeration("google.protobuf.FieldDescriptorProto.Label", { LABEL_OPTIONAL: 1, LABEL_REPEATED: 3 })
  },
  { name: "type", number: 5, kind: "enum", optional: true, type: FieldType },
  { name: "type_name", number: 6, kind: "string", optional: true },
  { name: "oneof_index", number: 9, kind: "int32", optional: true },
  { name: "json_name", number: 10, kind: "string", optional: true }
])

/** @category descriptors */
export const EnumDescriptorProto = message("google.protobuf.EnumDescriptorProto", [
  { name: "name", number: 1, kind: "string", optional: true },
  {
    name: "value",
    number: 2,
    kind: "message",
    label: "repeated",
    type: message("google.protobuf.EnumValueDescriptorProto", [
      { name: "name", number: 1, kind: "string", optional: true },
      { name: "number", number: 2, kind: "int32", optional: true }
    ])
  }
])

/** @category descriptors */
export const DescriptorProto = message("google.protobuf.DescriptorProto", [
  { name: "name", number: 1, kind: "string", optional: true },
  { name: "field", number: 2, kind: "message", label: "repeated", type: FieldDescriptorProto },
  {
    name: "nested_type",
    number: 3,
    kind: "message",
    label: "repeated",
    // The message contains itself: known to the reader of this table, not to its type.
    get type(): MessageType {
      return DescriptorProto
    }
  },
  { name: "enum_type", number: 4, kind: "message", label: "repeated", type: EnumDescriptorProto },
  {
    name: "options",
    number: 7,
    kind: "message",
    type: message("google.protobuf.MessageOptions", [{ name: "map_entry", number: 7, kind: "bool", optional: true }])
  },
  {
    name: "oneof_decl",
    number: 8,
    kind: "message",
    label: "repeated",
    type: message("google.protobuf.OneofDescriptorProto", [
      { name: "name", number: 1, kind: "string", optional: true }
    ])
  }
])

/** @category descriptors */
export const ServiceDescriptorProto = message("google.protobuf.ServiceDescriptorProto", [
  { name: "name", number: 1, kind: "string", optional: true },
  {
    name: "method",
    number: 2,
    kind: "message",
    label: "repeated",
    type: message("google.protobuf.MethodDescriptorProto", [
      { name: "name", number: 1, kind: "string", optional: true },
      { name: "input_type", number: 2, kind: "string", optional: true },
      { name: "output_type", number: 3, kind: "string", optional: true },
      { name: "client_streaming", number: 5, kind: "bool", optional: true },
      { name: "server_streaming", number: 6, kind: "bool", optional: true }
    ])
  }
])

/** @category descriptors */
export const FileDescriptorProto = message("google.protobuf.FileDescriptorProto", [
  { name: "name", number: 1, kind: "string", optional: true },
  { name: "package", number: 2, kind: "string", optional: true },
  { name: "dependency", number: 3, kind: "string", label: "repeated" },
  { name: "message_type", number: 4, kind: "message", label: "repeated", type: DescriptorProto },
  { name: "enum_type", number: 5, kind: "message", label: "repeated", type: EnumDescriptorProto },
  { name: "service", number: 6, kind: "message", label: "repeated", type: ServiceDescriptorProto },
  { name: "syntax", number: 12, kind: "string", optional: true }
])

/** @category descriptors */
export const FileDescriptorSet = message("google.protobuf.FileDescriptorSet", [
  { name: "file", number: 1, kind: "message", label: "repeated", type: FileDescriptorProto }
])
