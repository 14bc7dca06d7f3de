import { describe, expect, it } from "tstyche"
import type { ClientOf, GrpcInferenceClient } from "../../src/client/grpc/GrpcInferenceClient.ts"
import type { TypeOf } from "../../src/schema/proto/Descriptor.ts"
import type { FileDescriptorProto } from "../../src/schema/proto/DescriptorFields.ts"
import type { HealthService } from "../../src/schema/proto/HealthService.ts"
import type { InferParameter, ModelInferRequest, ModelInferResponse } from "../../src/schema/proto/InferFields.ts"

declare const client: GrpcInferenceClient
declare const health: ClientOf<typeof HealthService>
declare const request: TypeOf<typeof ModelInferRequest>
declare const parameter: TypeOf<typeof InferParameter>
declare const file: TypeOf<typeof FileDescriptorProto>

describe("messages", () => {
  it("have bytes as views, shapes as numbers, other 64-bit integers as bigint, and oneofs that may be absent", () => {
    expect(request.raw_input_contents).type.toBe<ReadonlyArray<Uint8Array>>()
    expect(request.inputs[0]!.shape).type.toBe<ReadonlyArray<number>>()
    expect(parameter.int64_param).type.toBe<bigint | undefined>()
    expect(parameter.bool_param).type.toBe<boolean | undefined>()
  })

  it("of proto2 tell absent from default", () => {
    expect(file.name).type.toBe<string | undefined>()
  })
})

describe("clients", () => {
  it("have a method for each procedure", () => {
    expect(client.modelInfer).type.toBeCallableWith({ model_name: "m", inputs: [{ shape: [1] }] })
    expect(client.modelInfer).type.not.toBeCallableWith({ model_name: 1 })
    expect(client.modelInfer({})).type.toBe<Promise<TypeOf<typeof ModelInferResponse>>>()
    expect(client.modelConfig({ name: "m" }).then(({ config }) => config?.max_batch_size)).type.toBe<
      Promise<number | undefined>
    >()
  })

  it("take any number of requests for a stream, and one for a stream of answers only", () => {
    expect(client.modelStreamInfer).type.toBeCallableWith([{ model_name: "m" }])
    expect(client.modelStreamInfer).type.not.toBeCallableWith({ model_name: "m" })
    expect(health.watch).type.toBeCallableWith({ service: "" })
    expect(health.check).type.toBeCallableWith({})
  })
})
