/** A server that answers as it is told, one answer after the other, and remembers what it was asked. */
import { Effect, type Scope } from "effect"
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** `"hold"`: never answers. `"break"`: closes the connection once the request is here. */
export type Reply = "hold" | "break" | {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

export interface Scripted {
  readonly url: string
  readonly asked: ReadonlyArray<Asked>
  /** Resolves when so many requests have arrived. */
  readonly arrived: (count: number) => Promise<void>
  /** Resolves when so many of the answers that were held lost their client. */
  readonly left: (count: number) => Promise<void>
}

/** The last answer is repeated. */
export const serve = (...replies: ReadonlyArray<Reply>): Effect.Effect<Scripted, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => listen(replies)),
      ({ close }) => Effect.sync(close)
    ),
    ({ scripted }) => scripted
  )

/** Counts, and who waits for a count. */
class Counter {
  private count = 0
  private readonly waiting = new Set<() => void>()

  add(): void {
    this.count++
    for (const check of this.waiting) check()
  }

  reaches(wanted: number): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.count < wanted) return
        this.waiting.delete(check)
        resolve()
      }
      this.waiting.add(check)
      check()
    })
  }
}

const answer = (reply: Reply, response: ServerResponse, left: Counter): void => {
  if (reply === "hold") response.on("close", () => left.add())
  else if (reply === "break") response.destroy()
  else response.writeHead(reply.status ?? 200, { ...reply.headers }).end(reply.body ?? "")
}

const listen = (replies: ReadonlyArray<Reply>) =>
  new Promise<{ readonly scripted: Scripted; readonly close: () => void }>((resolve) => {
    const asked: Array<Asked> = []
    const arrivals = new Counter()
    const departures = new Counter()
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const reply = replies[Math.min(asked.length, replies.length - 1)]!
        asked.push({
          method: request.method!,
          url: request.url!,
          headers: request.headers,
          body: Buffer.concat(chunks)
        })
        answer(reply, response, departures)
        arrivals.add()
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      resolve({
        scripted: {
          url: `http://127.0.0.1:${port}`,
          asked,
          arrived: (count) => arrivals.reaches(count),
          left: (count) => departures.reaches(count)
        },
        close: () => {
          server.closeAllConnections()
          server.close()
        }
      })
    })
  })

/** An answer with one FP32 tensor `Y`, as Triton sends it. */
export const good: Reply = (() => {
  const json =
    "{\"model_name\":\"m\",\"model_version\":\"1\",\"outputs\":[{\"name\":\"Y\",\"datatype\":\"FP32\",\"shape\":[2]," +
    "\"parameters\":{\"binary_data_size\":8}}]}"
  return {
    headers: { "Content-Type": "application/octet-stream", "Inference-Header-Content-Length": String(json.length) },
    body: Buffer.concat([Buffer.from(json), Buffer.from(new Float32Array([1, 2]).buffer)])
  }
})()

/** An error in the protocol's form. */
export const error = (status: number, message: string, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers,
  body: JSON.stringify({ error: message })
})
