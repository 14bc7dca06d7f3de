/** Health checks and reflection over a real connection. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, Scope } from "effect"
import type { DraftOf } from "../../../src/schema/proto/Descriptor.ts"
import { HealthCheckRequest, HealthCheckResponse } from "../../../src/schema/proto/HealthService.ts"
import { ReflectionService } from "../../../src/schema/proto/ReflectionService.ts"
import * as WireFormat from "../../../src/schema/proto/WireFormat.ts"
import { empty } from "../http/Wire.ts"
import { connect } from "./Client.ts"
import { start } from "./Frontend.ts"

const health = "/grpc.health.v1.Health/"
const question = WireFormat.encode(HealthCheckRequest, {})
const statusOf = (message: Buffer) => Result.getOrThrow(WireFormat.decode(HealthCheckResponse, message)).status

const reflection = ReflectionService.rpcs[0]
const ask = (request: DraftOf<typeof reflection.request>) => WireFormat.encode(reflection.request, request)
const answer = (message: Buffer) => Result.getOrThrow(WireFormat.decode(reflection.response, message))

describe("Health", () => {
  it.live("is checked, and watched as it changes", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start({ healthWatchInterval: "10 millis" })
      const client = yield* connect(port)
      const check = Effect.map(client.unary(`${health}Check`, question), ({ messages }) => statusOf(messages[0]!))
      assert.strictEqual(yield* check, "SERVING")
      const watch = client.begin(`${health}Watch`)
      watch.send(question)
      watch.halfClose()
      yield* watch.received(1)
      fake.ready = false
      assert.strictEqual(yield* check, "NOT_SERVING")
      yield* watch.received(2)
      fake.ready = true
      assert.deepStrictEqual((yield* watch.received(3)).map(statusOf), ["SERVING", "NOT_SERVING", "SERVING"])
      watch.cancel()
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("counts as health where that is restricted", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ restrictions: [{ categories: ["health"], header: "key", value: "s" }] })
      const client = yield* connect(port)
      assert.strictEqual((yield* client.unary(`${health}Check`, question)).status, 14)
      const { status } = yield* client.unary(`${health}Check`, question, { "triton-grpc-protocol-key": "s" })
      assert.strictEqual(status, 0)
    }).pipe(Effect.scoped))
})

describe("Reflection", () => {
  for (const version of ["v1", "v1alpha"]) {
    it.live(`lists the services, version ${version}`, () =>
      Effect.gen(function*() {
        const { port } = yield* start()
        const client = yield* connect(port)
        const call = client.begin(`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`)
        call.send(ask({ list_services: "" }))
        const [listed] = yield* call.received(1)
        const names = answer(listed!).list_services_response!.service.map(({ name }) => name)
        assert.include(names, "inference.GRPCInferenceService")
        assert.include(names, "grpc.health.v1.Health")
        call.send(ask({ file_containing_symbol: "inference.GRPCInferenceService" }))
        const described = answer((yield* call.received(2))[1]!)
        assert.isAbove(described.file_descriptor_response!.file_descriptor_proto.length, 1)
        call.halfClose()
        assert.strictEqual((yield* call.end).status, 0)
      }).pipe(Effect.scoped))
  }

  it.live("ends with the server, whatever the client leaves open", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { port } = yield* Scope.provide(start({ exitTimeout: "1 minute" }), scope)
      const client = yield* connect(port)
      const call = client.begin("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
      call.send(ask({ list_services: "" }))
      yield* call.received(1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* call.end).status, 14)
    }).pipe(Effect.scoped))

  it.live("may be turned off", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ reflection: false })
      const client = yield* connect(port)
      const call = client.begin("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
      assert.strictEqual((yield* call.end).status, 12)
    }).pipe(Effect.scoped))
})
