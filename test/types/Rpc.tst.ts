import type { Effect, Layer, Stream } from "effect"
import type * as RpcClient from "effect/rpc/RpcClient"
import type { Protocol } from "effect/rpc/RpcServer"
import { expect, test } from "tstyche"
import * as RpcFrontend from "../../src/layers/frontend/RpcFrontend.ts"
import type { InferenceError } from "../../src/schema/Errors.ts"
import type { Parameter } from "../../src/schema/Inference.ts"
import type { ModelConfig } from "../../src/schema/ModelConfig.ts"
import type { InferResponse } from "../../src/schema/rpc/Infer.ts"
import type { InferenceRpcs } from "../../src/schema/rpc/InferenceRpcs.ts"
import type { AccessFailure } from "../../src/schema/rpc/Restriction.ts"
import * as Tensor from "../../src/schema/Tensor.ts"
import * as InferenceServer from "../../src/services/InferenceServer.ts"

declare const client: RpcClient.FromGroup<typeof InferenceRpcs>

test("the client has the door's types", () => {
  expect(client.ModelInfer({ model: "m", inputs: [] })).type.toBe<
    Effect.Effect<InferResponse, InferenceError | AccessFailure>
  >()
  expect(client.ModelStreamInfer({ model: "m", inputs: [] })).type.toBe<
    Stream.Stream<InferResponse, InferenceError | AccessFailure>
  >()
  expect(client.ModelConfig({ model: "m" })).type.toBeAssignableTo<
    Effect.Effect<ModelConfig, { readonly message: string }>
  >()
  expect(client.ModelInfer).type.toBeCallableWith({ model: "m", inputs: [Tensor.from("X", [1], Int8Array.of(1))] })
  expect(client.ModelInfer).type.not.toBeCallableWith({ model: "m" })
  expect(client.ModelInfer).type.not.toBeCallableWith({
    model: "m",
    inputs: [{ name: "X", datatype: "FP31", shape: [1], data: new Uint8Array(4) }]
  })
  expect<NonNullable<InferResponse["parameters"]>[string]>().type.toBe<Parameter>()
})

test("the front end needs a protocol and a server", () => {
  expect(RpcFrontend.layer()).type.toBe<Layer.Layer<never, never, InferenceServer.InferenceServer | Protocol>>()
})

test("a call by names needs the server, and a scope for its answer", () => {
  expect(InferenceServer.infer).type.toBeCallableWith({ model: "m", inputs: [] })
  expect(InferenceServer.infer).type.not.toBeCallableWith({ model: "m" })
})

test("values have the array of their datatype", () => {
  const tensor = Tensor.from("X", [1], Float64Array.of(1))
  expect(Tensor.values(tensor, "FP64")).type.toBe<Float64Array>()
  expect(Tensor.values(tensor, "INT64")).type.toBe<BigInt64Array>()
  expect(Tensor.values(tensor, "BYTES")).type.toBe<ReadonlyArray<string>>()
  expect(Tensor.values).type.not.toBeCallableWith(tensor, "FP31")
})
