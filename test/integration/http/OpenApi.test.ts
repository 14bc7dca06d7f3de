import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import type { Door } from "../../../src/layers/frontend/internal/http/routes/Door.ts"
import * as MetricsPlace from "../../../src/layers/frontend/internal/http/routes/MetricsPlace.ts"
import * as Routes from "../../../src/layers/frontend/internal/http/routes/Routes.ts"
import { InFlight } from "../../../src/layers/frontend/internal/InFlight.ts"
import * as TraceSettings from "../../../src/layers/frontend/internal/TraceSettings.ts"
import * as Arrivals from "../../../src/layers/frontend/internal/tracing/Arrivals.ts"
import { operations } from "../../../src/schema/openapi/Operations.ts"
import { ClientMemory } from "../../../src/services/ClientMemory.ts"
import { InferenceServer } from "../../../src/services/InferenceServer.ts"
import { LogSettings } from "../../../src/services/LogSettings.ts"
import { TensorMemory } from "../../../src/services/TensorMemory.ts"
import { Fake } from "../../frontend/http/Fakes.ts"
import { ask, start } from "./Wire.ts"

interface Document {
  readonly info: { readonly description: string }
  readonly paths: Readonly<Record<string, unknown>>
}

const documentAt = (port: number, query = "") =>
  Effect.map(ask(port, `/v2/docs/openapi.json${query}`), ({ headers, status, text }) => {
    assert.deepStrictEqual([status, headers["content-type"]], [200, "application/json"])
    return JSON.parse(text) as Document
  })

describe("the OpenAPI document", () => {
  it.effect("has a row for every route and method, and none for what is not there", () =>
    Effect.gen(function*() {
      const server = yield* InferenceServer
      const door: Door = {
        server,
        logSettings: yield* LogSettings,
        memory: yield* TensorMemory,
        traceSettings: yield* TraceSettings.make(server.repository),
        inFlight: new InFlight({ protocol: "http", maxRequests: 1, maxBytes: 1, maxRequestBytes: 1 }),
        arrivals: yield* Arrivals.make,
        maxInputSize: 1,
        forward: undefined,
        serverTiming: false,
        clientMemory: yield* ClientMemory,
        clientTensors: () => assert.fail("no request is made")
      }
      const served = [...Routes.all(door), ...MetricsPlace.routes({ port: 1, processStartSeconds: 0 })]
        .flatMap(({ get, path, post }) => [...(get ? [`get ${path}`] : []), ...(post ? [`post ${path}`] : [])])
      assert.deepStrictEqual(
        operations.map(({ method, path }) => `${method} ${path}`).toSorted(),
        served.toSorted()
      )
    }).pipe(Effect.provide(Layer.mergeAll(new Fake().layer, SharedTensorMemory.layer))))

  it.live("describes the models that take requests, or the one that is asked for", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const all = yield* documentAt(port)
      assert.property(all.paths, "/v2/models/echo/infer")
      // It is in the index, and not ready.
      assert.notProperty(all.paths, "/v2/models/broken/infer")
      const one = yield* documentAt(port, "?model=stats")
      assert.property(one.paths, "/v2/models/stats/infer")
      assert.notProperty(one.paths, "/v2/models/echo/infer")
      const unknown = yield* ask(port, "/v2/docs/openapi.json?model=no")
      assert.strictEqual(unknown.status, 404)
      fake.index = Array.from({ length: 300 }, () => ({ name: "echo", version: "1", state: "READY" as const }))
      assert.notInclude((yield* documentAt(port)).info.description, "more models")
    }))

  it.live("names the methods of a path that is asked with another one", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const allowed = (path: string, method: string) =>
        Effect.map(ask(port, path, { method }), ({ headers, status }) => [status, headers["allow"]])
      assert.deepStrictEqual(yield* allowed("/v2", "DELETE"), [405, "GET"])
      assert.deepStrictEqual(yield* allowed("/v2/models/echo/infer", "GET"), [405, "POST"])
      assert.deepStrictEqual(yield* allowed("/v2/logging", "PUT"), [405, "GET, POST"])
    }))
})
