import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Health from "../../../src/layers/frontend/internal/grpc/rpcs/Health.ts"
import type { Rpc } from "../../../src/layers/frontend/internal/grpc/rpcs/Rpc.ts"
import type { MessageType, TypeOf } from "../../../src/schema/proto/Descriptor.ts"
import * as Fields from "../../../src/schema/proto/HealthService.ts"
import { decode, encode } from "../../../src/schema/proto/WireFormat.ts"
import { InferenceServer } from "../../../src/services/InferenceServer.ts"
import { FakeCall } from "./FakeCall.ts"

const state = () => ({ ready: true, stopping: false, looks: 0 })

const fixture = (
  server: ReturnType<typeof state>,
  maxWatches = 10
): Effect.Effect<(name: string, call: FakeCall) => FakeCall, never, Scope.Scope> =>
  Effect.gen(function*() {
    const door = {
      server: InferenceServer.of(
        {
          ready: Effect.sync(() => {
            server.looks++
            return server.ready
          }),
          stopping: () => server.stopping
        } as InferenceServer["Service"]
      )
    }
    const options = { services: ["inference.GRPCInferenceService"], maxWatches, watchIntervalMillis: 250 }
    const rpcs: ReadonlyMap<string, Rpc> = new Map(yield* Health.make(door, options))
    // The fiber of the watches comes to where it waits.
    yield* Effect.yieldNow
    return (name, call) => {
      rpcs.get(`/grpc.health.v1.Health/${name}`)!.serve(call)
      return call
    }
  })

const read = <M extends MessageType>(type: M, bytes: Uint8Array | undefined): TypeOf<M> =>
  Result.getOrThrow(decode(type, bytes!))

const asking = (service = "") => new FakeCall(encode(Fields.HealthCheckRequest, { service }))
const told = (call: FakeCall) => call.messages.map((bytes) => read(Fields.HealthCheckResponse, bytes).status)

describe("Health", () => {
  it.effect("checks the server, whatever the name", () =>
    Effect.gen(function*() {
      const server = state()
      const serve = yield* fixture(server)
      for (const name of ["", "inference.GRPCInferenceService", "no such service"]) {
        const call = serve("Check", asking(name))
        assert.deepStrictEqual([told(call), call.ended], [["SERVING"], { status: 0, message: "" }])
        assert.isFalse(call.counted)
      }
      server.ready = false
      assert.deepStrictEqual(told(serve("Check", asking())), ["NOT_SERVING"])
    }).pipe(Effect.scoped))

  it.effect("lists the services it knows", () =>
    Effect.gen(function*() {
      const serve = yield* fixture(state())
      const call = serve("List", new FakeCall(new Uint8Array(0)))
      assert.deepStrictEqual(read(Fields.HealthListResponse, call.messages[0]).statuses, {
        "": { status: "SERVING" },
        "inference.GRPCInferenceService": { status: "SERVING" }
      })
    }).pipe(Effect.scoped))

  it.effect("refuses what is no request", () =>
    Effect.gen(function*() {
      const serve = yield* fixture(state())
      for (const name of ["Check", "Watch"]) {
        assert.deepStrictEqual(serve(name, new FakeCall(Uint8Array.of(0x0a, 0x05))).ended, {
          status: 13,
          message: "Unable to parse request"
        })
      }
    }).pipe(Effect.scoped))
})

describe("Health watches", () => {
  it.effect("hear the status at once, then each change, and nothing between", () =>
    Effect.gen(function*() {
      const server = state()
      const serve = yield* fixture(server)
      const call = serve("Watch", asking("inference.GRPCInferenceService"))
      const unknown = serve("Watch", asking("no such service"))
      assert.deepStrictEqual(told(call), ["SERVING"])
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(told(call), ["SERVING"])
      server.ready = false
      yield* TestClock.adjust(250)
      assert.deepStrictEqual(told(call), ["SERVING", "NOT_SERVING"])
      server.ready = true
      yield* TestClock.adjust(250)
      assert.deepStrictEqual(told(call), ["SERVING", "NOT_SERVING", "SERVING"])
      assert.deepStrictEqual(told(unknown), ["SERVICE_UNKNOWN"])
      assert.isUndefined(call.ended)
    }).pipe(Effect.scoped))

  it.effect("tell a slow client the newest status only", () =>
    Effect.gen(function*() {
      const server = state()
      const serve = yield* fixture(server)
      const call = asking()
      call.slow = true
      serve("Watch", call)
      for (const ready of [false, true, false]) {
        server.ready = ready
        yield* TestClock.adjust(250)
      }
      assert.deepStrictEqual(told(call), ["SERVING"])
      call.onDrain!()
      assert.deepStrictEqual(told(call), ["SERVING", "NOT_SERVING"])
    }).pipe(Effect.scoped))

  it.effect("end with the server, which does not wait for them", () =>
    Effect.gen(function*() {
      const server = state()
      const serve = yield* fixture(server)
      const call = serve("Watch", asking())
      const other = asking()
      serve("Watch", other)
      other.closing = true
      yield* TestClock.adjust(250)
      assert.deepStrictEqual([told(other), other.ended?.status], [["SERVING", "NOT_SERVING"], 14])
      assert.deepStrictEqual([call.ended], [undefined])
      server.stopping = true
      yield* TestClock.adjust(250)
      assert.deepStrictEqual([told(call), call.ended?.status], [["SERVING", "NOT_SERVING"], 14])
    }).pipe(Effect.scoped))

  it.effect("are bounded; those that ended give their place back", () =>
    Effect.gen(function*() {
      const serve = yield* fixture(state(), 2)
      const first = serve("Watch", asking())
      serve("Watch", asking())
      assert.deepStrictEqual(serve("Watch", asking()).ended, {
        status: 8,
        message: "The server already holds 2 health watches, the most it takes at a time. Share one, or ask Check."
      })
      first.cancel()
      assert.deepStrictEqual(told(serve("Watch", asking())), ["SERVING"])
    }).pipe(Effect.scoped))

  it.effect("cost nothing while there are none", () =>
    Effect.gen(function*() {
      const server = state()
      const serve = yield* fixture(server)
      yield* TestClock.adjust(10_000)
      assert.strictEqual(server.looks, 0)
      const call = serve("Watch", asking())
      yield* TestClock.adjust(500)
      assert.strictEqual(server.looks, 3)
      call.cancel()
      yield* TestClock.adjust(250)
      const { looks } = server
      yield* TestClock.adjust(10_000)
      assert.strictEqual(server.looks, looks)
      // The next one is looked after again.
      const next = serve("Watch", asking())
      server.ready = false
      yield* TestClock.adjust(250)
      assert.deepStrictEqual(told(next), ["SERVING", "NOT_SERVING"])
    }).pipe(Effect.scoped))
})
