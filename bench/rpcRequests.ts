/** Inference requests as frames of Effect RPC's binary serialization, as an Effect client posts them. */
import { Effect, Schema } from "effect"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import type { Tensor } from "../src/schema/Inference.ts"
import { InferRequest } from "../src/schema/rpc/Infer.ts"
import * as Tensors from "../src/schema/Tensor.ts"
import type { BinaryRequest } from "./requests.ts"

const serialization = await Effect.runPromise(
  Effect.provide(RpcSerialization.RpcSerialization, RpcSerialization.layerSchemaBinary({ maxFrameSize: "unbounded" }))
)
const encode = Schema.encodeSync(serialization.codecFor(InferRequest))

const request = (model: string, inputs: ReadonlyArray<Tensor>): BinaryRequest => ({
  body: new Uint8Array(
    serialization.makeUnsafe().encode({
      _tag: "Request",
      id: 1,
      tag: "ModelInfer",
      payload: encode({ model, inputs }),
      headers: []
    }) as Uint8Array
  ),
  headers: { "Content-Type": serialization.contentType }
})

/** The request of the `simple` model: two INT32 tensors of one row. */
export const simple = (): BinaryRequest =>
  request(
    "simple",
    ["INPUT0", "INPUT1"].map((name) => Tensors.from(name, [1, 16], Int32Array.from({ length: 16 }, (_, i) => i)))
  )

/** A request with one FP32 tensor. */
export const float32 = (model: string, name: string, shape: ReadonlyArray<number>): BinaryRequest =>
  request(model, [
    Tensors.from(name, shape, new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(0.5))
  ])
