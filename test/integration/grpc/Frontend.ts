/** A started gRPC front end before a stand-in of the server, for tests on real sockets. */
import { Context, Effect, Layer, Result } from "effect"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import * as GrpcFrontend from "../../../src/layers/frontend/GrpcFrontend.ts"
import type { DraftOf, MessageType, TypeOf } from "../../../src/schema/proto/Descriptor.ts"
import { InferenceService } from "../../../src/schema/proto/InferenceService.ts"
import * as WireFormat from "../../../src/schema/proto/WireFormat.ts"
import { TensorMemory } from "../../../src/services/TensorMemory.ts"
import * as Messages from "../../frontend/grpc/Messages.ts"
import { Fake } from "../../frontend/http/Fakes.ts"
import type { Client } from "./Client.ts"

export const start = Effect.fnUntraced(function*(options: GrpcFrontend.Options = {}) {
  const fake = new Fake()
  const context = yield* Layer.build(
    GrpcFrontend.layer({ address: "127.0.0.1", port: 0, ...options }).pipe(
      Layer.provide(fake.layer),
      Layer.provideMerge(SharedTensorMemory.layer)
    )
  )
  const frontend = Context.get(context, GrpcFrontend.GrpcFrontend)
  const memory = Context.get(context, TensorMemory)
  return {
    fake,
    port: frontend.port,
    /** Calls, bytes and regions that the front end still holds. */
    held: () => [frontend.inFlight().requests, frontend.inFlight().bytes, memory.usage().inUse]
  }
})

type Rpcs = (typeof InferenceService.rpcs)[number]

type RpcOf<Name extends Rpcs["name"]> = Extract<Rpcs, { readonly name: Name }>

/** A call of the inference service: its response, or its status and text. */
export const ask = <Name extends Rpcs["name"]>(
  client: Client,
  name: Name,
  request: DraftOf<RpcOf<Name>["request"]> = {},
  metadata: Record<string, string> = {}
): Effect.Effect<TypeOf<RpcOf<Name>["response"]> | string> => {
  const rpc = InferenceService.rpcs.find((one) => one.name === name) as RpcOf<Name>
  return Effect.map(
    client.unary(name, WireFormat.encode(rpc.request as MessageType, request as DraftOf<MessageType>), metadata),
    ({ message, messages, status }) =>
      status === 0
        ? Result.getOrThrow(
          WireFormat.decode(rpc.response as MessageType, messages[0]!)
        ) as TypeOf<RpcOf<Name>["response"]>
        : `${status} ${message}`
  )
}

/** An inference request with one FP32 tensor `X`, which the stand-in gives back. */
export const inferRequest = (
  values: ReadonlyArray<number>,
  more: Messages.Request = {}
): Messages.Request => ({
  model_name: "echo",
  inputs: [{ name: "X", datatype: "FP32", shape: [values.length] }],
  raw_input_contents: [new Uint8Array(new Float32Array(values).buffer)],
  ...more
})

/** The bytes of such a request. */
export const inferBytes = (values: ReadonlyArray<number>, more: Messages.Request = {}): Uint8Array =>
  Messages.request(inferRequest(values, more))

/** Values of the first output of a response. */
export const valuesOf = (response: Messages.Response): ReadonlyArray<number> => {
  const bytes = Uint8Array.from(response.raw_output_contents[0]!)
  return [...new Float32Array(bytes.buffer, 0, bytes.length / 4)]
}

/** A good inference, which every test of a bad one ends with. */
export const good = (client: Client): Effect.Effect<unknown> =>
  Effect.map(
    ask(client, "ModelInfer", inferRequest([1, 2, 3], { id: "good" })),
    (response) => typeof response === "string" ? response : [response.id, ...valuesOf(response)]
  )
export const goodAnswer = ["good", 1, 2, 3]
