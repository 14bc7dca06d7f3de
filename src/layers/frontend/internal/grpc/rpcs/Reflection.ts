/**
 * `ServerReflection`: tells tools which services there are and describes their messages, so that they need no proto files.
 *
 * Source: gRPC server reflection, versions `v1` and `v1alpha`; protocol §7.1: Triton has none.
 */
import { Result } from "effect"
import type { DraftOf, TypeOf } from "../../../../../schema/proto/Descriptor.ts"
import { rpcPath } from "../../../../../schema/proto/Descriptor.ts"
import { FileDescriptorProto } from "../../../../../schema/proto/DescriptorFields.ts"
import { describeFile } from "../../../../../schema/proto/FileDescriptor.ts"
import type { Declaration, ProtoFile } from "../../../../../schema/proto/ProtoFile.ts"
import { ReflectionService, ReflectionServiceAlpha } from "../../../../../schema/proto/ReflectionService.ts"
import * as WireFormat from "../../../../../schema/proto/WireFormat.ts"
import type { GrpcCall, MessageHandler, Receiver } from "../Call.ts"
import { Status } from "../Status.ts"
import type { Ending } from "./Ending.ts"
import { malformed, type Rpc, shuttingDown } from "./Rpc.ts"

type Procedure = (typeof ReflectionService.rpcs)[0]
type Request = TypeOf<Procedure["request"]>
type Response = DraftOf<Procedure["response"]>

const notFound = 5

/** Full names of everything that a file declares: services, procedures, messages, fields, oneofs, enums and their values. */
const symbolsOf = (file: ProtoFile): ReadonlyArray<string> => {
  const names: Array<string> = []
  const declare = ({ enums, messages, type }: Declaration): void => {
    names.push(type.fullName)
    for (const field of type.fields) {
      names.push(`${type.fullName}.${field.name}`)
      if (field.oneof !== undefined) names.push(`${type.fullName}.${field.oneof}`)
    }
    for (const one of enums) declareEnum(one.fullName, type.fullName, one.names)
    for (const message of messages) declare(message)
  }
  const declareEnum = (fullName: string, scope: string, values: ReadonlyMap<number, string>): void => {
    // The values of an enum stand beside it, not in it.
    names.push(fullName, ...[...values.values()].map((value) => `${scope}.${value}`))
  }
  for (const { fullName, rpcs } of file.services) {
    names.push(fullName, ...rpcs.map(({ name }) => `${fullName}.${name}`))
  }
  for (const one of file.enums) declareEnum(one.fullName, file.package, one.names)
  for (const message of file.messages) declare(message)
  return names
}

const withImports = (file: ProtoFile): ReadonlyArray<ProtoFile> => [
  ...new Set([file, ...file.imports.flatMap(withImports)])
]

/** What can be asked about some files. */
class Catalogue {
  private readonly files: ReadonlyMap<string, ProtoFile>
  private readonly symbols: ReadonlyMap<string, ProtoFile>
  private readonly services: ReadonlyArray<string>
  private readonly described = new Map<ProtoFile, Uint8Array>()

  constructor(files: ReadonlyArray<ProtoFile>) {
    this.files = new Map(files.map((file) => [file.name, file]))
    this.symbols = new Map(files.flatMap((file) => symbolsOf(file).map((symbol) => [symbol, file])))
    this.services = files.flatMap(({ services }) => services.map(({ fullName }) => fullName)).sort()
  }

  answer(request: Request): Response {
    return { valid_host: request.host, original_request: request, ...this.response(request) }
  }

  private response(request: Request): Response {
    if (request.list_services !== undefined) {
      return { list_services_response: { service: this.services.map((name) => ({ name })) } }
    }
    if (request.file_by_filename !== undefined) {
      return this.file(this.files.get(request.file_by_filename), `file ${request.file_by_filename}`)
    }
    if (request.file_containing_symbol !== undefined) {
      return this.file(this.symbols.get(request.file_containing_symbol), `symbol ${request.file_containing_symbol}`)
    }
    if (request.file_containing_extension !== undefined) {
      const { containing_type, extension_number } = request.file_containing_extension
      return missing(`extension ${extension_number} of ${containing_type}`)
    }
    if (request.all_extension_numbers_of_type !== undefined) {
      const type = request.all_extension_numbers_of_type
      return this.symbols.has(type)
        ? { all_extension_numbers_response: { base_type_name: type } }
        : missing(`type ${type}`)
    }
    return { error_response: { error_code: Status.invalidArgument, error_message: "The request asks for nothing." } }
  }

  /** A file with those that it imports, itself first. */
  private file(file: ProtoFile | undefined, asked: string): Response {
    return file === undefined
      ? missing(asked)
      : {
        file_descriptor_response: { file_descriptor_proto: withImports(file).map((one) => this.describe(one)) }
      }
  }

  private describe(file: ProtoFile): Uint8Array {
    const known = this.described.get(file)
    if (known !== undefined) return known
    const made = WireFormat.encode(FileDescriptorProto, describeFile(file))
    this.described.set(file, made)
    return made
  }
}

const missing = (what: string): Response => ({
  error_response: { error_code: notFound, error_message: `This server knows no ${what}.` }
})

const nothing = (): void => {}

/** One conversation: a question, its answer, then the next question. */
class Conversation implements MessageHandler {
  private readonly call: GrpcCall
  private readonly procedure: Procedure
  private readonly catalogue: Catalogue
  private readonly ending: Ending
  private receiver: Receiver | undefined = undefined
  /** An open conversation must not hold up the end of the server. */
  private readonly onEnding = (): void => {
    this.close()
    this.call.failure(shuttingDown())
  }

  constructor(call: GrpcCall, procedure: Procedure, catalogue: Catalogue, ending: Ending) {
    this.call = call
    this.ending = ending
    this.procedure = procedure
    this.catalogue = catalogue
  }

  begin(): void {
    this.ending.watch(this.onEnding)
    this.call.onDrain = () => this.receiver?.more()
    this.receiver = this.call.receiveMany(this)
    this.receiver.more()
  }

  onMessage(bytes: Uint8Array, release: () => void): void {
    const { call, procedure } = this
    const request = WireFormat.decode(procedure.request, bytes)
    release()
    if (Result.isFailure(request)) {
      this.close()
      return call.failure(malformed())
    }
    const { byteLength, parts } = WireFormat.encodeParts(procedure.response, this.catalogue.answer(request.success))
    if (call.send(parts, byteLength, nothing)) this.receiver?.more()
  }

  onEnd(): void {
    this.close()
    this.call.finish(Status.ok, "")
  }

  onCancel(): void {
    this.close()
  }

  private close(): void {
    this.receiver = undefined
    this.ending.forget(this.onEnding)
  }
}

/** The procedures of both versions by their paths, for the services of some files. @internal */
export const make = (
  files: ReadonlyArray<ProtoFile>,
  ending: Ending
): ReadonlyArray<readonly [path: string, rpc: Rpc]> => {
  const catalogue = new Catalogue(files)
  return [ReflectionService, ReflectionServiceAlpha].map((service) => {
    const procedure: Procedure = service.rpcs[0]
    const serve = (call: GrpcCall): void => new Conversation(call, procedure, catalogue, ending).begin()
    return [rpcPath(service, procedure), { category: undefined, serve }] as const
  })
}
