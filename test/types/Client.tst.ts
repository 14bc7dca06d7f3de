import type { Effect } from "effect"
import { expect, test } from "tstyche"
import { connect, type InferResponse, type OutputTensor, tensor } from "../../src/client/Client.ts"
import type { InferenceClient, InferenceServerError } from "../../src/client/EffectClient.ts"
import { connect as generated, type Models } from "../fixtures/codegen/models.ts"

const row = new Int32Array(16)
const client = generated("http://localhost:8000")
const simple = { INPUT0: tensor(row, [1, 16]) }

test("a call of a known model takes its inputs", () => {
  expect(client.infer).type.toBeCallableWith("simple", simple)
  expect(client.infer).type.toBeCallableWith("simple", { ...simple, INPUT1: { shape: [1, 16], data: row } })
  expect(client.infer).type.toBeCallableWith("simple", { INPUT0: { shape: [1, 2], data: [1, 2] } })
  expect(client.infer).type.toBeCallableWith("silent", {})
  expect(client.infer).type.toBeCallableWith("odd \"name\"", { "input:0": ["a"] })
})

test("a wrong call of a known model does not compile", () => {
  expect(client.infer).type.not.toBeCallableWith("simpel", simple)
  expect(client.infer).type.not.toBeCallableWith("simple", {})
  expect(client.infer).type.not.toBeCallableWith("simple", { INPUT1: tensor(row, [1, 16]) })
  expect(client.infer).type.not.toBeCallableWith("simple", { ...simple, INPUT2: tensor(row, [1, 16]) })
  expect(client.infer).type.not.toBeCallableWith("simple", { INPUT0: tensor(new Float32Array(16), [1, 16]) })
  expect(client.infer).type.not.toBeCallableWith("simple", { INPUT0: { shape: [1, 16], data: new Uint32Array(16) } })
  expect(client.infer).type.not.toBeCallableWith("simple", { INPUT0: tensor(row, [16]) })
  expect(client.infer).type.not.toBeCallableWith("simple", { INPUT0: { shape: [1, 4, 4], data: row } })
  expect(client.infer).type.not.toBeCallableWith("simple", { INPUT0: row })
  expect(client.infer).type.not.toBeCallableWith("simple", simple, { outputs: ["OUTPUT2"] })
  expect(client.infer).type.not.toBeCallableWith("simple", simple, { outputs: [{ name: "OUTPUT2" }] })
  expect(client.modelMetadata).type.not.toBeCallableWith("simpel")
})

test("an answer of a known model has its outputs, or those that were asked for", () => {
  expect(client.infer("simple", simple)).type.toBe<
    Promise<
      InferResponse<{
        readonly OUTPUT0: OutputTensor<"INT32", readonly [number, number]>
        readonly OUTPUT1: OutputTensor<"FP16", readonly [number, number]>
      }>
    >
  >()
  const some = client.infer("simple", simple, { outputs: ["OUTPUT0", { name: "OUTPUT1", classification: 2 }] })
  expect<Awaited<typeof some>["outputs"]["OUTPUT0"]["data"]>().type.toBe<Int32Array>()
  expect<Awaited<typeof some>["outputs"]["OUTPUT1"]["data"]>().type.toBe<ReadonlyArray<string>>()
  const one = client.infer("simple", simple, { outputs: ["OUTPUT0"] })
  expect<keyof Awaited<typeof one>["outputs"]>().type.toBe<"OUTPUT0">()
  const raw = client.infer("simple", simple, {
    outputs: [{ name: "OUTPUT0", classification: 1 }],
    bytesAs: "Uint8Array"
  })
  expect<Awaited<typeof raw>["outputs"]["OUTPUT0"]["data"]>().type.toBe<ReadonlyArray<Uint8Array>>()
})

test("the shape of what came fits what goes", () => {
  expect<OutputTensor<"INT32", readonly [number, number]>>().type.toBeAssignableTo<
    Parameters<typeof client.infer<"simple">>[1]["INPUT0"]
  >()
})

test("where nothing is known, the datatype of an output tells its class", async () => {
  const { outputs } = await connect("http://localhost:8000").infer("any", { X: row, Y: ["a"] }, { outputs: ["Z"] })
  if (outputs.Z.datatype === "INT64") expect(outputs.Z.data).type.toBe<BigInt64Array>()
  expect(connect("http://localhost:8000").infer).type.not.toBeCallableWith("any", { X: 5 })
})

test("tensors know their datatype and rank", () => {
  expect(tensor("FP32", [[1, 2], [3, 4]]).shape).type.toBe<readonly [number, number]>()
  expect(tensor(new BigInt64Array(2)).datatype).type.toBe<"INT64">()
  expect(tensor).type.not.toBeCallableWith("INT32", new Float32Array(1), [1])
  expect(tensor).type.not.toBeCallableWith([1, 2])
})

test("the Effect client fails with one typed error", () => {
  expect<ReturnType<InferenceClient["Service"]["serverLive"]>>().type.toBe<
    Effect.Effect<boolean, InferenceServerError>
  >()
  expect<keyof Models>().type.toBe<"odd \"name\"" | "simple" | "silent">()
})
