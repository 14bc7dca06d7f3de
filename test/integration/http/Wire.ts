/** Clients and a started front end for tests on real sockets. */
import { Context, Effect, Layer } from "effect"
import * as Http from "node:http"
import * as Net from "node:net"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import * as HttpFrontend from "../../../src/layers/frontend/HttpFrontend.ts"
import { TensorMemory } from "../../../src/services/TensorMemory.ts"
import { Fake } from "../../frontend/http/Fakes.ts"

export const start = Effect.fnUntraced(function*(options: HttpFrontend.Options = {}) {
  const fake = new Fake()
  const context = yield* Layer.build(
    HttpFrontend.layer({ address: "127.0.0.1", port: 0, ...options })
      .pipe(
        Layer.provide(fake.layer),
        Layer.provideMerge(SharedTensorMemory.layer)
      )
  )
  const frontend = Context.get(context, HttpFrontend.HttpFrontend)
  const memory = Context.get(context, TensorMemory)
  return {
    fake,
    port: frontend.port,
    /** Requests, bytes and regions that the front end still holds. */
    held: () => [frontend.inFlight().requests, frontend.inFlight().bytes, memory.usage().inUse]
  }
})

export interface Answer {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly rawHeaders: ReadonlyArray<string>
  readonly body: Buffer
  readonly text: string
}

export interface Ask {
  readonly method?: string
  readonly headers?: Http.OutgoingHttpHeaders
  readonly body?: string | Uint8Array
  readonly agent?: Http.Agent
}

/** One request through node's client. */
export const ask = (port: number, path: string, options: Ask = {}): Effect.Effect<Answer> =>
  Effect.callback((resume) => {
    const { body, ...rest } = options
    const request = Http.request({ port, path, host: "127.0.0.1", agent: false, ...rest }, (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("end", () => {
        const whole = Buffer.concat(chunks)
        resume(Effect.succeed({
          status: response.statusCode!,
          headers: response.headers,
          rawHeaders: response.rawHeaders,
          body: whole,
          text: whole.toString()
        }))
      })
    })
    request.on("error", (error) => resume(Effect.die(error)))
    request.end(body)
  })

/** The wire form of an inference request with one FP32 tensor `X`. */
export const inferBody = (
  values: ReadonlyArray<number>,
  id = ""
): { headers: Record<string, string>; body: Buffer } => {
  const json = JSON.stringify({
    id,
    inputs: [{
      name: "X",
      shape: [values.length],
      datatype: "FP32",
      parameters: { binary_data_size: values.length * 4 }
    }],
    parameters: { binary_data_output: true }
  })
  return {
    headers: { "Inference-Header-Content-Length": String(json.length) },
    body: Buffer.concat([Buffer.from(json), Buffer.from(new Float32Array(values).buffer)])
  }
}

/** A good inference, which every test of a bad one ends with. */
export const good = (port: number): Effect.Effect<string> =>
  Effect.map(
    ask(port, "/v2/models/echo/infer", { method: "POST", ...inferBody([1, 2, 3], "good") }),
    ({ status, text }) => `${status} ${text.slice(0, 12)}`
  )
export const goodAnswer = "200 {\"id\":\"good\""

/** A raw connection. */
export class Client {
  readonly socket: Net.Socket
  received = Buffer.alloc(0)
  ended = false
  closed = false
  private wake: () => void = () => {}

  constructor(port: number) {
    this.socket = Net.connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    this.socket.setNoDelay(true)
    this.socket.on("data", (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
      this.wake()
    })
    this.socket.on("end", () => {
      this.ended = true
      this.wake()
    })
    this.socket.on("error", () => {})
    this.socket.on("close", () => {
      this.closed = true
      this.ended = true
      this.wake()
    })
  }

  send(data: string | Uint8Array): void {
    this.socket.write(data)
  }

  get text(): string {
    return this.received.toString("latin1")
  }

  /** Waits until what was received satisfies a condition; dies with what there is after half a minute. */
  until(condition: (client: Client) => boolean): Effect.Effect<string> {
    return Effect.callback<string>((resume) => {
      const check = () => {
        if (condition(this)) resume(Effect.succeed(this.text))
      }
      this.wake = check
      check()
    }).pipe(Effect.timeoutOrElse({
      duration: patience,
      orElse: () => Effect.die(new Error(`timed out; received: ${this.text.slice(0, 2000)}`))
    }))
  }

  /** Waits for so many answers, counted by their status lines. */
  answers(count: number): Effect.Effect<string> {
    return this.until((client) =>
      (client.text.match(/HTTP\/1\.1 (?!100)/g) ?? []).length >= count && complete(client.text)
    )
  }
}

/** Whether the last answer has as many body bytes as it announces. */
const complete = (text: string): boolean => {
  const last = text.slice(text.lastIndexOf("HTTP/1.1 "))
  const end = last.indexOf("\r\n\r\n")
  const length = /content-length: (\d+)/i.exec(last)?.[1]
  return end !== -1 && last.length - end - 4 >= Number(length ?? 0)
}

export const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => new Client(port)),
    (client) => Effect.sync(() => client.socket.destroy())
  )

/**
 * Milliseconds to wait for what a test needs before it fails: nothing but an end for a test that would never end, long
 * enough for machines that have much else to do, and shorter than the time for a test, so that it says what it saw.
 */
export const patience = 30_000

/** Waits until a condition holds, looking every few milliseconds; fails with what it saw after half a minute. */
export const eventually = <A>(look: () => A, holds: (seen: A) => boolean): Effect.Effect<void> =>
  Effect.gen(function*() {
    const end = performance.now() + patience
    while (!holds(look())) {
      if (performance.now() > end) {
        return yield* Effect.die(new Error(`never held; last seen: ${JSON.stringify(look())}`))
      }
      yield* Effect.sleep("5 millis")
    }
  })

/** Waits until the front end holds nothing any more. */
export const empty = (held: () => ReadonlyArray<number>): Effect.Effect<void> =>
  eventually(held, (seen) => seen.every((count) => count === 0))
