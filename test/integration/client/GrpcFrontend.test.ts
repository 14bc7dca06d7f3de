/** The gRPC client against the gRPC front end: every part of one meets its counterpart. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, Scope } from "effect"
import { GrpcChannel, type GrpcChannelOptions } from "../../../src/client/grpc/GrpcChannel.ts"
import { GrpcFailure } from "../../../src/client/grpc/GrpcFailure.ts"
import { clientOf } from "../../../src/client/grpc/GrpcInferenceClient.ts"
import { FileDescriptorProto } from "../../../src/schema/proto/DescriptorFields.ts"
import { HealthService } from "../../../src/schema/proto/HealthService.ts"
import { InferenceService } from "../../../src/schema/proto/InferenceService.ts"
import { ReflectionService, ReflectionServiceAlpha } from "../../../src/schema/proto/ReflectionService.ts"
import { decode } from "../../../src/schema/proto/WireFormat.ts"
import { inferRequest, start, valuesOf } from "../grpc/Frontend.ts"
import { empty, eventually } from "../http/Wire.ts"

const channel = (port: number, options?: GrpcChannelOptions) =>
  Effect.acquireRelease(
    Effect.sync(() => new GrpcChannel(`127.0.0.1:${port}`, options)),
    (made) => Effect.sync(() => made.close())
  )

describe("The gRPC client and the gRPC front end", () => {
  it.live("agree on calls, in every compression and size", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ compression: "low" })
      for (const compression of ["identity", "gzip", "deflate"] as const) {
        const rpcs = clientOf(yield* channel(port, compression === "identity" ? {} : { compression }), InferenceService)
        for (const count of [0, 1, 1000, 10_000, 1_000_000]) {
          const values = Array.from({ length: count }, (_, i) => i % 1000)
          const response = yield* Effect.promise(() => rpcs.modelInfer(inferRequest(values, { id: "é" })))
          assert.strictEqual(response.id, "é")
          assert.deepStrictEqual(valuesOf(response), values)
        }
      }
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("agree on failures", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const rpcs = clientOf(yield* channel(port), InferenceService)
      const error = yield* Effect.promise(() => rpcs.modelConfig({ name: "né" }).then(() => undefined, (one) => one))
      assert.instanceOf(error, GrpcFailure)
      assert.strictEqual(error.status, "NOT_FOUND")
      assert.include(error.message, "né")
      assert.isFalse(error.local)
    }).pipe(Effect.scoped))

  it.live("agree on streams, also on many at a time", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const rpcs = clientOf(yield* channel(port), InferenceService)
      yield* Effect.promise(() =>
        Promise.all(Array.from({ length: 8 }, async (_, stream) => {
          const requests = Array.from({ length: 100 }, (_, i) => inferRequest([stream, i], { id: `${stream} ${i}` }))
          let i = 0
          for await (const { error_message, infer_response } of rpcs.modelStreamInfer(requests)) {
            assert.strictEqual(error_message, "")
            assert.strictEqual(infer_response!.id, `${stream} ${i}`)
            assert.deepStrictEqual(valuesOf(infer_response!), [stream, i++])
          }
          assert.strictEqual(i, 100)
        }))
      )
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("agree that the end of a server is told to watches, and does not wait for them", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { fake, port } = yield* Scope.provide(start(), scope)
      const health = clientOf(yield* channel(port), HealthService)
      assert.deepStrictEqual(yield* Effect.promise(() => health.check({})), { status: "SERVING" })
      const statuses: Array<string | number> = []
      const watching = (async (): Promise<unknown> => {
        try {
          for await (const { status } of health.watch({ service: "inference.GRPCInferenceService" })) {
            statuses.push(status)
          }
          return undefined
        } catch (error) {
          return error
        }
      })()
      yield* eventually(() => statuses, (seen) => seen.length === 1)
      fake.ready = false
      yield* eventually(() => statuses, (seen) => seen.length === 2)
      fake.ready = true
      yield* eventually(() => statuses, (seen) => seen.length === 3)
      yield* Scope.close(scope, Exit.void)
      const error = yield* Effect.promise(() => watching)
      assert.deepStrictEqual(statuses, ["SERVING", "NOT_SERVING", "SERVING", "NOT_SERVING"])
      assert.instanceOf(error, GrpcFailure)
      assert.strictEqual((error as GrpcFailure).status, "UNAVAILABLE")
    }).pipe(Effect.scoped))

  it.live("agree on what there is", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const one = yield* channel(port)
      for (const service of [ReflectionService, ReflectionServiceAlpha]) {
        const questions = [{ list_services: "" }, { file_containing_symbol: "inference.ModelConfig" }]
        const answers: Array<string> = []
        yield* Effect.promise(async () => {
          for await (
            const answer of clientOf(one, service as typeof ReflectionService).serverReflectionInfo(questions)
          ) {
            for (const { name } of answer.list_services_response?.service ?? []) answers.push(name)
            for (const bytes of answer.file_descriptor_response?.file_descriptor_proto ?? []) {
              answers.push(Result.getOrThrow(decode(FileDescriptorProto, bytes)).name!)
            }
          }
        })
        assert.deepStrictEqual(answers, [
          "grpc.health.v1.Health",
          "grpc.reflection.v1.ServerReflection",
          "grpc.reflection.v1alpha.ServerReflection",
          "inference.GRPCInferenceService",
          "model_config.proto"
        ])
      }
    }).pipe(Effect.scoped))
})
