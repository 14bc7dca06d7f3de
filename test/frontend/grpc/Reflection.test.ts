import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Ending } from "../../../src/layers/frontend/internal/grpc/rpcs/Ending.ts"
import * as Reflection from "../../../src/layers/frontend/internal/grpc/rpcs/Reflection.ts"
import type { DraftOf } from "../../../src/schema/proto/Descriptor.ts"
import { FileDescriptorProto } from "../../../src/schema/proto/DescriptorFields.ts"
import * as ProtoFiles from "../../../src/schema/proto/ProtoFiles.ts"
import { ReflectionService } from "../../../src/schema/proto/ReflectionService.ts"
import { decode, encode } from "../../../src/schema/proto/WireFormat.ts"
import { FakeCall } from "./FakeCall.ts"

const [{ request: Request, response: Response }] = ReflectionService.rpcs
const rpcs = new Map(Reflection.make(ProtoFiles.all, new Ending()))

const begin = (version = "v1"): FakeCall => {
  const call = new FakeCall()
  rpcs.get(`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`)!.serve(call)
  return call
}

const answers = (call: FakeCall) => call.messages.map((bytes) => Result.getOrThrow(decode(Response, bytes)))

const ask = (draft: DraftOf<typeof Request>, version?: string) => {
  const call = begin(version)
  call.receive(encode(Request, draft))
  const [answer] = answers(call)
  return answer!
}

const files = (answer: ReturnType<typeof ask>) =>
  answer.file_descriptor_response?.file_descriptor_proto.map((bytes) =>
    Result.getOrThrow(decode(FileDescriptorProto, bytes)).name
  )

describe("Reflection", () => {
  it("lists the services, in both versions", () => {
    for (const version of ["v1", "v1alpha"]) {
      const answer = ask({ host: "h", list_services: "" }, version)
      assert.strictEqual(answer.valid_host, "h")
      assert.deepInclude(answer.original_request, { host: "h", list_services: "" })
      assert.deepStrictEqual(answer.list_services_response!.service.map(({ name }) => name), [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "inference.GRPCInferenceService"
      ])
    }
  })

  it("gives a file with those that it imports", () => {
    assert.deepStrictEqual(files(ask({ file_by_filename: "grpc_service.proto" })), [
      "grpc_service.proto",
      "model_config.proto"
    ])
    assert.deepStrictEqual(files(ask({ file_by_filename: "model_config.proto" })), ["model_config.proto"])
  })

  it("finds the file of services, procedures, messages, fields, oneofs, enums and their values", () => {
    const places = {
      "inference.GRPCInferenceService": "grpc_service.proto",
      "inference.GRPCInferenceService.ModelInfer": "grpc_service.proto",
      "inference.ModelInferRequest.InferInputTensor": "grpc_service.proto",
      "inference.ModelInferRequest.InferInputTensor.shape": "grpc_service.proto",
      "inference.InferParameter.parameter_choice": "grpc_service.proto",
      "inference.ModelConfig": "model_config.proto",
      "inference.DataType": "model_config.proto",
      "inference.TYPE_FP32": "model_config.proto",
      "inference.ModelInstanceGroup.KIND_CPU": "model_config.proto",
      "grpc.health.v1.Health": "grpc/health/v1/health.proto",
      "grpc.reflection.v1alpha.ServerReflectionRequest": "grpc/reflection/v1alpha/reflection.proto"
    }
    for (const [symbol, file] of Object.entries(places)) {
      assert.strictEqual(files(ask({ file_containing_symbol: symbol }))?.[0], file, symbol)
    }
  })

  it("says what it does not know", () => {
    const error = (draft: DraftOf<typeof Request>) => ask(draft).error_response
    assert.deepStrictEqual(error({ file_by_filename: "x.proto" }), {
      error_code: 5,
      error_message: "This server knows no file x.proto."
    })
    assert.deepStrictEqual(error({ file_containing_symbol: "a.B" }), {
      error_code: 5,
      error_message: "This server knows no symbol a.B."
    })
    assert.deepStrictEqual(
      error({ file_containing_extension: { containing_type: "inference.ModelConfig", extension_number: 100 } }),
      { error_code: 5, error_message: "This server knows no extension 100 of inference.ModelConfig." }
    )
    assert.deepStrictEqual(error({ all_extension_numbers_of_type: "a.B" }), {
      error_code: 5,
      error_message: "This server knows no type a.B."
    })
    assert.deepStrictEqual(error({}), { error_code: 3, error_message: "The request asks for nothing." })
    assert.deepStrictEqual(
      ask({ all_extension_numbers_of_type: "inference.ModelConfig" }).all_extension_numbers_response,
      { base_type_name: "inference.ModelConfig", extension_number: [] }
    )
  })

  it("answers one question after the other, and waits for a client that reads slowly", () => {
    const call = begin()
    call.slow = true
    for (const list_services of ["", "again"]) call.receive(encode(Request, { list_services }))
    assert.strictEqual(answers(call).length, 1)
    call.onDrain!()
    assert.strictEqual(answers(call).length, 2)
    assert.strictEqual(call.released, 2)
    call.end()
    assert.deepStrictEqual(call.ended, { status: 0, message: "" })
  })

  it("ends on what is no request, and when the client goes away", () => {
    const call = begin()
    call.receive(Uint8Array.of(0x0a, 0x05))
    assert.deepStrictEqual(call.ended, { status: 13, message: "Unable to parse request" })
    const gone = begin()
    gone.receive(encode(Request, { list_services: "" }))
    gone.cancel()
    assert.isUndefined(gone.ended)
    assert.strictEqual(gone.messages.length, 1)
  })
})
