/**
 * `ServerReflection`: tells clients which services there are, and the descriptions of their messages.
 *
 * Source: gRPC server reflection, https://github.com/grpc/grpc/blob/master/doc/server-reflection.md; versions `v1` and
 * `v1alpha` differ in their package only.
 */
import { message, service } from "./Descriptor.ts"

const describe = <const Package extends string>(name: Package) => {
  const extensionRequest = message(`${name}.ExtensionRequest`, [
    { name: "containing_type", number: 1, kind: "string" },
    { name: "extension_number", number: 2, kind: "int32" }
  ])
  const request = message(`${name}.ServerReflectionRequest`, [
    { name: "host", number: 1, kind: "string" },
    { name: "file_by_filename", number: 3, kind: "string", oneof: "message_request" },
    { name: "file_containing_symbol", number: 4, kind: "string", oneof: "message_request" },
    {
      name: "file_containing_extension",
      number: 5,
      kind: "message",
      oneof: "message_request",
      type: extensionRequest
    },
    { name: "all_extension_numbers_of_type", number: 6, kind: "string", oneof: "message_request" },
    { name: "list_services", number: 7, kind: "string", oneof: "message_request" }
  ])
  const response = message(`${name}.ServerReflectionResponse`, [
    { name: "valid_host", number: 1, kind: "string" },
    { name: "original_request", number: 2, kind: "message", type: request },
    {
      name: "file_descriptor_response",
      number: 4,
      kind: "message",
      oneof: "message_response",
      type: message(`${name}.FileDescriptorResponse`, [
        { name: "file_descriptor_proto", number: 1, kind: "bytes", label: "repeated" }
      ])
    },
    {
      name: "all_extension_numbers_response",
      number: 5,
      kind: "message",
      oneof: "message_response",
      type: message(`${name}.ExtensionNumberResponse`, [
        { name: "base_type_name", number: 1, kind: "string" },
        { name: "extension_number", number: 2, kind: "int32", label: "repeated" }
      ])
    },
    {
      name: "list_services_response",
      number: 6,
      kind: "message",
      oneof: "message_response",
      type: message(`${name}.ListServiceResponse`, [
        {
          name: "service",
          number: 1,
          kind: "message",
          label: "repeated",
          type: message(`${name}.ServiceResponse`, [{ name: "name", number: 1, kind: "string" }])
        }
      ])
    },
    {
      name: "error_response",
      number: 7,
      kind: "message",
      oneof: "message_response",
      type: message(`${name}.ErrorResponse`, [
        { name: "error_code", number: 1, kind: "int32" },
        { name: "error_message", number: 2, kind: "string" }
      ])
    }
  ])
  return service(`${name}.ServerReflection`, [
    { name: "ServerReflectionInfo", request, response, clientStreaming: true, serverStreaming: true }
  ])
}

/** @category descriptors */
export const ReflectionService = describe("grpc.reflection.v1")

/** The older version, which many clients still ask first or alone. @category descriptors */
export const ReflectionServiceAlpha = describe("grpc.reflection.v1alpha")
