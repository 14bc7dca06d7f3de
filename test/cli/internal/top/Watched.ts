/** A server that `galatea top` watches, as the test wants it. */
import { type Cause, Effect, Layer, Option, Queue, Terminal } from "effect"
import { HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as Output from "../../../../src/layers/cli/internal/Output.ts"
import * as Top from "../../../../src/layers/cli/Top.ts"
import * as Metrics from "./Metrics.ts"

/** A server that answers what the test says, and a terminal of which the test presses the keys. */
export const make = Effect.fnUntraced(function*(options: { readonly isTTY: boolean }) {
  const server = {
    gone: false,
    metrics: Metrics.version({}),
    /** Status and text of `/v2/metrics/place`; Triton's unless the test says another. */
    place: [404, ""] as readonly [number, string],
    indexStatus: 403,
    /** Nobody listens there. */
    closed: "",
    index: "[{\"name\":\"simple\",\"version\":\"1\",\"state\":\"READY\"}]" as string | undefined,
    asked: [] as Array<string>,
    /** Headers, by path. */
    sent: new Map<string, Readonly<Record<string, string | undefined>>>()
  }
  const http = HttpClient.make((request, url) => {
    server.asked.push(`${url.host}${url.pathname}`)
    server.sent.set(url.pathname, request.headers)
    const isMetrics = url.pathname === "/metrics"
    const body = isMetrics ? server.metrics : server.index
    if (server.gone || url.host === server.closed) {
      const cause = Object.assign(new Error("refused"), { code: "ECONNREFUSED" })
      return Effect.fail(
        new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
      )
    }
    const [placeStatus, placeText] = server.place
    const response = url.pathname === "/v2/metrics/place"
      ? new Response(placeText, { status: placeStatus })
      : body === undefined
      ? new Response("{\"error\":\"restricted\"}", { status: server.indexStatus })
      : new Response(body, { status: 200 })
    return Effect.succeed(HttpClientResponse.fromWeb(request, response))
  })
  const keys = yield* Queue.make<Terminal.UserInput, Cause.Done>()
  const sizes = yield* Queue.make<Terminal.Size, Cause.Done>()
  const terminal = Terminal.make({
    columns: Effect.succeed(100),
    rows: Effect.succeed(12),
    size: Effect.succeed(sizes),
    readInput: Effect.succeed(keys),
    readLine: Effect.never,
    display: () => Effect.void
  })
  let out = ""
  let err = ""
  const errors: Array<() => void> = []
  const sink = (write: (text: string) => void) => ({
    isTTY: options.isTTY,
    columns: 100,
    rows: 12,
    write,
    on: (_: "error", listener: () => void) => errors.push(listener)
  })
  const output = Output.make(sink((text) => void (out += text)), sink((text) => void (err += text)), { NO_COLOR: "1" })
  const run = (changes: Partial<Top.Command> = {}) =>
    Top.top(
      {
        url: "http://host:8000",
        headers: [],
        metricsUrl: undefined,
        interval: 2,
        once: false,
        sort: "rate",
        ...changes
      },
      output
    ).pipe(
      Effect.provide(
        Layer.merge(Layer.succeed(HttpClient.HttpClient, http), Layer.succeed(Terminal.Terminal, terminal))
      )
    )
  const press = (name: string, ctrl = false) =>
    Effect.andThen(
      Queue.offer(keys, { input: Option.some(name), key: { name, ctrl, meta: false, shift: false } }),
      settle
    )
  return {
    server,
    run,
    press,
    resize: (size: Terminal.Size) => Effect.andThen(Queue.offer(sizes, size), settle),
    endOfKeys: Effect.andThen(Queue.end(keys), settle),
    /** Whoever read the output is gone. */
    unread: Effect.andThen(Effect.sync(() => errors.forEach((tell) => tell())), settle),
    out: () => out,
    err: () => err,
    /** Lines that were drawn last. */
    screen: () => out.slice(out.lastIndexOf("\x1b[H") + 3).split("\x1b[K").map((line) => line.replace(/^\r\n/, ""))
  }
})

const settle = Effect.yieldNow.pipe(Effect.repeat({ times: 60 }))
/** Answers of fetch take turns of the event loop, which no clock counts. */
const turn = Effect.andThen(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))), settle)
export const answers = Effect.repeat(turn, { times: 5 })
export const pass = (time: string) => Effect.andThen(TestClock.adjust(time as "1 second"), answers)
