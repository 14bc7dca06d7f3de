/** Calls of the gRPC client, and how they fail. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { GrpcChannelOptions } from "../../../src/client/grpc/GrpcChannel.ts"
import { GrpcFailure } from "../../../src/client/grpc/GrpcFailure.ts"
import { connect, type GrpcInferenceClient } from "../../../src/client/grpc/GrpcInferenceClient.ts"
import * as Status from "../../../src/schema/proto/StatusFields.ts"
import { encode } from "../../../src/schema/proto/WireFormat.ts"
import { serve, type ServedCall } from "./GrpcServer.ts"

/** A client, closed with the scope. */
export const client = (port: number, options?: GrpcChannelOptions & { readonly scheme?: string }) =>
  Effect.acquireRelease(
    Effect.sync(() => connect(`${options?.scheme ?? ""}127.0.0.1:${port}`, options)),
    (made) => Effect.sync(() => made.close())
  )

/** The answer of ServerReady. */
export const ready = (value: boolean): Uint8Array => encode(Status.ServerReadyResponse, { ready: value })

/** What a promise rejects with. */
export const reason = (promise: Promise<unknown>): Effect.Effect<unknown> =>
  Effect.promise(() => promise.then(() => assert.fail("the call succeeded"), (error: unknown) => error))

/** How a call fails. */
export const failure = (promise: Promise<unknown>): Effect.Effect<GrpcFailure> =>
  Effect.map(reason(promise), (error) => {
    assert.instanceOf(error, GrpcFailure)
    return error as GrpcFailure
  })

/** A server that answers every call alike. */
export const answering = (handle: (call: ServedCall) => void, options?: GrpcChannelOptions) =>
  Effect.gen(function*() {
    const { port } = yield* serve(handle)
    return yield* client(port, options)
  })

/** Asks the server whether it is ready. */
export const readiness = (rpcs: GrpcInferenceClient, options = {}) => rpcs.serverReady({}, options)
