/** Whose figures `galatea top` shows. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Metrics from "./internal/top/Metrics.ts"
import { answers, make, pass } from "./internal/top/Watched.ts"

const started = (seconds: number) => Metrics.version({ more: [`process_start_time_seconds ${seconds}`] })
const place = (port: number | undefined) =>
  [200, JSON.stringify({ port, processStartSeconds: 1795711582.119123 })] as const

/** One table, or the sentence that comes in its place. */
const shown = Effect.fnUntraced(function*(
  watched: Effect.Success<ReturnType<typeof make>>,
  changes: Parameters<typeof watched.run>[0] = {}
) {
  const fiber = yield* Effect.forkChild(Effect.result(watched.run({ once: true, ...changes })), {
    startImmediately: true
  })
  yield* answers
  yield* pass("2 seconds")
  const ended = yield* Fiber.join(fiber)
  return ended._tag === "Failure" ? ended.failure.message : watched.out()
})

describe("whose figures galatea top shows", () => {
  it.effect("are those of the server that was asked for, on the port that it tells", () =>
    Effect.gen(function*() {
      const watched = yield* make({ isTTY: false })
      watched.server.place = place(9002)
      watched.server.metrics = started(1795711582.119123)
      assert.match(yield* shown(watched), /Z {3}http:\/\/host:8000 {3}1 model .*\nMODEL .*\nsimple /)
      assert.include(watched.server.asked, "host:9002/metrics")
      assert.notInclude(watched.server.asked, "host:8002/metrics")
    }))

  it.effect("are never those of a server that started at another time", () =>
    Effect.gen(function*() {
      const watched = yield* make({ isTTY: false })
      watched.server.place = place(9002)
      watched.server.metrics = started(1795711582.119124)
      assert.strictEqual(
        yield* shown(watched, { metricsUrl: "host:8002" }),
        "galatea top: The metrics at http://host:8002/metrics are of another server than http://host:8000, which has its own on "
          + "port 9002. Leave --metrics-url out, or give it the host:port by which that port is to be reached from here.\n"
      )
      assert.match(
        yield* shown(watched),
        /The metrics at http:\/\/host:9002\/metrics are of another server .* Give --metrics-url the host:port by which /
      )
      watched.server.place = place(undefined)
      assert.match(
        yield* shown(watched, { metricsUrl: "host:8002" }),
        /are of another server: the one at http:\/\/host:8000 has none, see its --allow-metrics\.\n$/
      )
      assert.strictEqual(
        yield* shown(watched),
        "galatea top: The server at http://host:8000 has no metrics, see its --allow-metrics.\n"
      )
      assert.strictEqual(watched.out(), "")
    }))

  it.effect("are none where nobody listens at --url, or no server of models does", () =>
    Effect.gen(function*() {
      const watched = yield* make({ isTTY: false })
      watched.server.closed = "host:8000"
      assert.match(yield* shown(watched), /^galatea top: No answer from http:\/\/host:8000 \(ECONNREFUSED\)\./)
      watched.server.closed = ""
      watched.server.index = undefined
      watched.server.indexStatus = 505
      watched.server.place = [505, ""]
      assert.match(
        yield* shown(watched),
        /^galatea top: What listens at http:\/\/host:8000 does not speak HTTP\/1\.1 and may be a gRPC port/
      )
      watched.server.indexStatus = 404
      watched.server.place = [404, ""]
      assert.match(yield* shown(watched), /^galatea top: The server at http:\/\/host:8000 answered 404/)
      assert.strictEqual(watched.out(), "")
      assert.notInclude(watched.server.asked, "host:8002/metrics")
    }))

  it.effect("are said to be perhaps of another where nothing tells", () =>
    Effect.gen(function*() {
      const doubtful =
        /\(metrics of host:8002, perhaps another server's\) .*\nPerhaps another server's: all figures are those of /
      const noTime = yield* make({ isTTY: false })
      noTime.server.place = place(8002)
      assert.match(yield* shown(noTime), doubtful)
      for (
        const told of [[404, ""], [200, "{}"], [200, "hello"], [200, " ".repeat(5000)], [403, place(1)[1]]] as const
      ) {
        const watched = yield* make({ isTTY: false })
        watched.server.place = told
        watched.server.metrics = started(1795711582.119123)
        assert.match(yield* shown(watched), doubtful)
      }
    }))

  it.effect("are at /metrics where --metrics-url has no path, and --header is sent to --url alone", () =>
    Effect.gen(function*() {
      for (
        const [metricsUrl, asked] of [
          ["other:9002", "other:9002/metrics"],
          ["http://other:9002/", "other:9002/metrics"],
          ["other:9002/behind/metrics", "other:9002/behind/metrics"]
        ] as const
      ) {
        const watched = yield* make({ isTTY: false })
        yield* shown(watched, { metricsUrl, headers: ["key: secret"] })
        assert.include(watched.server.asked, asked)
        assert.strictEqual(watched.server.sent.get("/v2/metrics/place")?.["key"], "secret")
        assert.strictEqual(watched.server.sent.get("/v2/repository/index")?.["key"], "secret")
        assert.isUndefined(watched.server.sent.get(asked.slice(asked.indexOf("/")))?.["key"])
      }
    }))
})
