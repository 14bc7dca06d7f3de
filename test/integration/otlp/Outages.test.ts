/** A collector that is away, slow, or answers errors: requests do not notice, and memory and the end stay bounded. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Child from "../cli/Child.ts"
import * as InProcess from "../cli/InProcess.ts"
import * as Receiver from "./Receiver.ts"

const models = Child.folder({
  simple: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } }
})

const data = Array.from({ length: 16 }, (_, i) => i)
const body = JSON.stringify({
  inputs: ["INPUT0", "INPUT1"].map((name) => ({ name, shape: [1, 16], datatype: "INT32", data }))
})

const infer = (url: string) => Child.ask(`${url}/v2/models/simple/infer`, { method: "POST", body })

const requests = 100

const serve = Effect.fnUntraced(function*(variables: Readonly<Record<string, string>>) {
  return yield* InProcess.serve([yield* models], {
    variables: {
      OTEL_METRICS_EXPORTER: "none",
      OTEL_BSP_SCHEDULE_DELAY: "1",
      OTEL_BSP_MAX_QUEUE_SIZE: "20",
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "10",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20hush-hush",
      ...variables
    }
  })
})

/** What became of spans, by the server's own metrics. */
const counts = Effect.fnUntraced(function*(child: InProcess.Running) {
  const [, port] = /metrics at \S+:(\d+)\/metrics/.exec(child.out()) ?? []
  const { text } = yield* Child.ask(`http://127.0.0.1:${port}/metrics`)
  const of = (pattern: RegExp) => Number(pattern.exec(text)?.[1])
  const items = (outcome: string) =>
    of(new RegExp(`galatea_telemetry_items_total\\{outcome="${outcome}",signal="traces"\\} (\\d+)`))
  return {
    exported: items("exported"),
    rejected: items("rejected"),
    failed: items("failed"),
    dropped: items("dropped"),
    queued: of(/galatea_telemetry_queued_items\{signal="traces"\} (\d+)/)
  }
})

const allAnswered = (url: string) =>
  Effect.gen(function*() {
    for (let i = 0; i < requests; i++) assert.strictEqual((yield* infer(url)).status, 200)
  })

describe("requests while the collector", () => {
  it.live("is away: spans are lost and counted, and the log says so once", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* Child.freePort
      const child = yield* serve({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/v1/traces` })
      yield* allAnswered(child.url)
      const { dropped, exported, queued } = yield* counts(child)
      assert.isAbove(dropped, 0)
      assert.strictEqual(exported, 0)
      assert.isAtMost(queued, 30)
      assert.strictEqual(yield* child.end, 0)
      const said = child.err().split("\n").filter((line) => line.includes("cannot be exported"))
      assert.strictEqual(said.length, 1, child.err())
      assert.match(said[0]!, /traces cannot be exported to http:\/\/127\.0\.0\.1:\d+\/v1\/traces: connect ECONNREFUSED/)
      assert.notInclude(child.err() + child.out(), "hush-hush")
    })))

  it.live("never answers: the queue stays bounded, and the end does not wait for it for long", () =>
    Effect.scoped(Effect.gen(function*() {
      const receiver = yield* Receiver.make
      receiver.reply = () => ({ status: "never" })
      const child = yield* serve({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.http}/v1/traces` })
      yield* allAnswered(child.url)
      const { dropped, exported, queued } = yield* counts(child)
      assert.isAbove(dropped, requests)
      assert.strictEqual(exported, 0)
      assert.isAtMost(queued, 30)
      assert.isAtMost(receiver.connections(), 4)
      assert.strictEqual(yield* child.end, 0)
      assert.match(child.err(), /\d+ spans are not exported: there was no time left at the end/)
    })))

  it.live("answers errors: it is asked no further times, and its words are in the log without credentials", () =>
    Effect.scoped(Effect.gen(function*() {
      const receiver = yield* Receiver.make
      receiver.reply = () => ({ status: 401, message: "no such user: Bearer hush-hush" })
      const child = yield* serve({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.http}/v1/traces` })
      yield* allAnswered(child.url)
      assert.isAbove((yield* counts(child)).failed, 0)
      assert.strictEqual(yield* child.end, 0)
      assert.match(child.err(), /it answers 401 Unauthorized \(no such user: \*\*\*\)/)
      assert.notInclude(child.err() + child.out(), "hush-hush")
    })))

  it.live("takes only some", () =>
    Effect.scoped(Effect.gen(function*() {
      const receiver = yield* Receiver.make
      receiver.reply = () => ({ status: 200, rejected: 1, message: "one is too old" })
      const child = yield* serve({
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: receiver.grpc,
        OTEL_EXPORTER_OTLP_PROTOCOL: "grpc"
      })
      yield* infer(child.url)
      yield* child.printed(/one is too old/)
      assert.isAbove((yield* counts(child)).rejected, 0)
    })))

  for (const protocol of ["http/protobuf", "grpc"]) {
    it.live(`comes back: what waited is exported by ${protocol}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const receiver = yield* Receiver.make
        const busy = { status: protocol === "grpc" ? 14 : 503, headers: { "retry-after": "0" } }
        receiver.reply = (tries) => tries < 2 ? busy : { status: 200 }
        const child = yield* serve({
          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: protocol === "grpc" ? receiver.grpc : `${receiver.http}/v1/traces`,
          OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
          OTEL_BSP_MAX_QUEUE_SIZE: "1000"
        })
        yield* infer(child.url)
        yield* receiver.until(() => receiver.spans().some(({ name }) => name === "batch.execute"))
        const { dropped, failed } = yield* counts(child)
        assert.deepStrictEqual([dropped, failed], [0, 0])
        assert.strictEqual(child.err(), "")
      })))
  }
})
