/** `galatea explain` asks a server on a real socket, which answers as Triton's routes do. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { setImmediate } from "node:timers/promises"
import * as Explain from "../../../src/layers/cli/Explain.ts"
import * as Output from "../../../src/layers/cli/internal/Output.ts"
import { config, entry } from "../../cli/internal/explain/Readings.ts"
import * as Child from "./Child.ts"

interface Answer {
  readonly status?: number
  readonly body: unknown
}

interface Asked {
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

interface Running {
  readonly url: string
  readonly asked: Array<Asked>
}

const metadata = { name: "m", versions: ["1"], platform: "onnxruntime_onnx", inputs: [], outputs: [] }

/** Answers each path in turn with the answers listed for it, then with the last one; never where none is listed. */
const serve = (answers: Readonly<Record<string, ReadonlyArray<Answer>>>): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Running & { readonly close: () => void }>((resume) => {
      const asked: Array<Asked> = []
      const server = createServer((request, response) => {
        const url = request.url!
        const turn = asked.filter((one) => one.url === url).length
        asked.push({ url, headers: request.headers })
        const listed = answers[url] ?? [{ status: 404, body: { error: `unknown ${url}` } }]
        const answer = listed[Math.min(turn, listed.length - 1)]
        if (answer === undefined) return
        const { body, status = 200 } = answer
        response.writeHead(status, { "Content-Type": "application/json" })
        response.end(typeof body === "string" ? body : JSON.stringify(body))
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, asked, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const model = (...readings: ReadonlyArray<ReadonlyArray<Parameters<typeof entry>[0]>>) => ({
  "/v2/models/m": [{ body: metadata }],
  "/v2/models/m/config": [{ body: config({ dynamic: { max_queue_delay_microseconds: 500 } }) }],
  "/v2/models/m/stats": readings.map((entries) => ({ body: { model_stats: entries.map(entry) } }))
})

/** Runs the command in this process. */
const explain = Effect.fnUntraced(function*(command: Partial<Explain.Command> & { readonly url: string }) {
  let out = ""
  const sink = {
    write: (text: string) => {
      out += text
    }
  }
  const exit = yield* Explain.explain(
    { model: "m", seconds: undefined, headers: [], ...command },
    Output.make(sink, sink, {})
  ).pipe(Effect.provide(Explain.layer), Effect.flip, Effect.exit)
  return { out, error: Exit.isSuccess(exit) ? exit.value.message : undefined }
})

describe("galatea explain", () => {
  it.live("explains what happened since the model was loaded", () =>
    Effect.scoped(Effect.gen(function*() {
      const { asked, url } = yield* serve(model([{ batches: { 1: 100 }, queueMicros: 500 }]))
      const { code, err, out } = yield* Child.run(["explain", "m", "--url", url])
      assert.deepStrictEqual([code, err], [0, ""])
      assert.strictEqual(
        out,
        `m version 1: 100 requests since it was loaded

Batcher
  - Dynamic batching puts requests together, up to 8 rows a batch.
  - A batch that could be larger waits up to 500 µs for more requests.

Batches
  - 100 executions took 100 rows: 1 on average, 13 % of the 8 that fit.
  - By size: 100 % of 1 row.

Waiting
  - A request waited 500 µs and computed 1 ms (input 100 µs, model 800 µs, output 100 µs): 33 % of its time was waiting, for others to join its batch (max_queue_delay_microseconds: 500).

What to change
  - Every batch held one request, although each may wait up to 500 µs for others: the delay costs 500 µs a request and buys nothing. Set \`max_queue_delay_microseconds: 0\`, or send more requests at the same time.
`
      )
      assert.deepStrictEqual(asked.map((one) => one.url), ["/v2/models/m", "/v2/models/m/config", "/v2/models/m/stats"])
    })))

  it.live("explains what happened between two readings, version by version", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* serve(model(
        [{ batches: { 1: 1000 } }, { version: "2", batches: { 1: 7 } }],
        [{ batches: { 1: 1000, 4: 50 } }, { version: "2", batches: { 1: 7 } }]
      ))
      const { error, out } = yield* explain({ url, seconds: 0.1 })
      assert.isUndefined(error)
      assert.match(out, /^m version 1: 200 requests in [\d.]+ s, [\d,.]+ a second\n/)
      assert.include(out, "50 executions took 200 rows: 4 on average")
      assert.match(out, /Its one instance computed \d+ % of the time\./)
      assert.match(out, /^m version 2: no request in [\d.]+ s$/m)
    })))

  it.live("sends the headers that restricted APIs want", () =>
    Effect.scoped(Effect.gen(function*() {
      const { asked, url } = yield* serve(model([{ batches: { 4: 10 } }]))
      assert.isUndefined((yield* explain({ url: `${url}/`, headers: ["Admin-Key: s e:cret "] })).error)
      assert.deepStrictEqual(asked.map(({ headers }) => headers["admin-key"]), ["s e:cret", "s e:cret", "s e:cret"])
      const { error } = yield* explain({ url, headers: ["nothing"] })
      assert.strictEqual(error, "galatea explain: 'nothing' is no header; --header takes \"name: value\".\n")
    })))

  it.live("asks for a model by its name, whatever characters it has", () =>
    Effect.scoped(Effect.gen(function*() {
      const { asked, url } = yield* serve({})
      yield* explain({ url, model: "a b/c" })
      assert.strictEqual(asked[0]!.url, "/v2/models/a%20b%2Fc")
    })))

  it.live("says that no server answers, and exits with 1", () =>
    Effect.gen(function*() {
      const { url } = yield* Effect.scoped(serve({}))
      const { code, err, out } = yield* Child.run(["explain", "m", `--url=${url}`])
      assert.deepStrictEqual([code, out], [1, ""])
      assert.strictEqual(
        err,
        `galatea explain: No answer from ${url} (ECONNREFUSED). Start a server, or name another with --url.\n`
      )
    }))

  it.live("says that the model does not exist, or its statistics do not", () =>
    Effect.scoped(Effect.gen(function*() {
      const good = model([{ batches: { 4: 10 } }])
      const missing = yield* serve({ "/v2/models/m": [{ status: 404, body: { error: "'m' is not found." } }] })
      assert.strictEqual(
        (yield* explain(missing)).error,
        `galatea explain: The server at ${missing.url} answered 404 to GET /v2/models/m: 'm' is not found.\n`
      )
      const old = yield* serve({ ...good, "/v2/models/m/stats": [{ status: 501, body: { error: "not implemented" } }] })
      assert.include((yield* explain(old)).error, "answered 501 to GET /v2/models/m/stats: not implemented.\n")
      const none = yield* serve(model([]))
      assert.include((yield* explain(none)).error, "has no statistics of 'm': none of its versions is ready.\n")
    })))

  it.live("says that there was no request, and fails", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* serve(model([{ batches: {} }]))
      const { error, out } = yield* explain({ url })
      assert.strictEqual(error, "", "the sentences are on standard output")
      assert.match(out, /^m version 1: no request since it was loaded\n/)
      assert.include(out, "Send it some, then ask again.")
    })))

  it.live("says that the model was loaded between the readings", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* serve(model([{ batches: { 4: 10 } }], [{ batches: { 4: 2 } }]))
      const text = "galatea explain: 'm' version 1 was loaded between the two readings. Ask again.\n"
      assert.strictEqual((yield* explain({ url, seconds: 0.01 })).error, text)
    })))

  it.effect("says that the server does not answer", () =>
    Effect.scoped(Effect.gen(function*() {
      const { asked, url } = yield* serve({ "/v2/models/m": [] })
      const asking = yield* Effect.forkChild(explain({ url }))
      while (asked.length === 0) yield* Effect.promise(() => setImmediate())
      yield* TestClock.adjust("10 seconds")
      const { error } = yield* Fiber.join(asking)
      assert.strictEqual(
        error,
        `galatea explain: The server at ${url} did not answer GET /v2/models/m within 10 seconds.\n`
      )
    })))

  it.live("says that something else listens there", () =>
    Effect.scoped(Effect.gen(function*() {
      const page = yield* serve({ "/v2/models/m": [{ body: "<html>" }] })
      assert.strictEqual(
        (yield* explain(page)).error,
        `galatea explain: What listens at ${page.url} is no server of KServe V2: GET /v2/models/m was answered with ` +
          "something that is no JSON.\n"
      )
      const other = yield* serve({ ...model([]), "/v2/models/m/stats": [{ body: { model_stats: [{}] } }] })
      assert.include(
        (yield* explain(other)).error,
        "answered with statistics of 'm' in a form that is not known here: "
      )
    })))

  it.live("refuses addresses and times that make no sense", () =>
    Effect.gen(function*() {
      for (const url of ["", "ftp://host", ":::", "http://"]) {
        assert.strictEqual(
          (yield* explain({ url })).error,
          `galatea explain: '${url}' is no address of a server, such as http://localhost:8000.\n`
        )
      }
      for (const seconds of [0, -1, 86401, NaN]) {
        assert.strictEqual(
          (yield* explain({ url: "localhost:1", seconds })).error,
          `galatea explain: --seconds takes a number above 0 and up to 86400, got ${seconds}.\n`
        )
      }
    }))
})
