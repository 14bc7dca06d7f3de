/**
 * Drives a model whose runs take long with requests over HTTP/1.1, and counts between two answers instead of from the start to the end:
 * with a run of 200 ms and as many requests under way as fit into two, a generator that counts what is answered in three seconds
 * misses a tenth of what a server does.
 */
import { connect, type Socket } from "node:net"
import type { Load, Outcome } from "./load.ts"

/** Nothing is counted before: the queue is filling. */
const settleMillis = 500

/** Answers of one batch come within so much time. */
const batchMillis = 10

/** Where two batches take longer, a server or its machine is not fit to be measured. */
const longestMillis = 60_000

const headEnd = Buffer.from("\r\n\r\n")

/** One connection that asks again and again until it is told to stop. */
class Client {
  private readonly socket: Socket
  private readonly message: Buffer
  private readonly answered: (millis: number) => void
  private received: Buffer = Buffer.alloc(0)
  private sentAt = 0
  private stopped = false
  private finish: (() => void) | undefined
  private fail: ((error: Error) => void) | undefined

  constructor({ body, headers, url }: Load, answered: (millis: number) => void) {
    const { hostname, pathname, port } = new URL(url)
    const lines = Object.entries({ Host: hostname, ...headers, "Content-Length": String(body.byteLength) })
      .map(([name, value]) => `${name}: ${value}\r\n`)
    this.message = Buffer.concat([Buffer.from(`POST ${pathname} HTTP/1.1\r\n${lines.join("")}\r\n`), body])
    this.answered = answered
    this.socket = connect(Number(port), hostname)
    this.socket.setNoDelay(true)
    this.socket.on("data", (chunk) => this.receive(chunk))
    this.socket.on("error", (error) => this.fail?.(error))
  }

  /** Asks until `stop`, and then for the answer that is under way. */
  readonly run = (): Promise<void> =>
    new Promise((resolve, reject) => {
      this.finish = resolve
      this.fail = reject
      this.ask()
    })

  readonly stop = (): void => {
    this.stopped = true
  }

  private ask(): void {
    this.sentAt = performance.now()
    this.socket.write(this.message)
  }

  private receive(chunk: Buffer): void {
    this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk])
    const head = this.received.indexOf(headEnd)
    if (head < 0) return
    const text = this.received.toString("latin1", 0, head)
    const length = /^content-length: *(\d+)$/im.exec(text)
    if (!text.startsWith("HTTP/1.1 200 ") || length === null) {
      this.socket.destroy()
      return this.fail!(new Error(`an answer was not 200 with a length:\n${text}`))
    }
    if (this.received.length < head + headEnd.length + Number(length[1])) return
    this.received = Buffer.alloc(0)
    this.answered(performance.now() - this.sentAt)
    if (!this.stopped) return this.ask()
    this.socket.end()
    this.finish!()
  }
}

/**
 * Requests per second from the end of one batch to the end of another, for so many seconds or, with slow batches, a little longer.
 * Fails when anything but 200 was answered.
 */
export const driveSteadily = async (load: Load): Promise<Outcome> => {
  const times: Array<number> = []
  const latencies: Array<number> = []
  const began = performance.now()
  let first: number | undefined
  let stoppedAt: number | undefined
  const clients = Array.from({ length: load.connections }, () =>
    new Client(load, (millis) => {
      const now = performance.now()
      times.push(now)
      latencies.push(millis)
      if (now < began + settleMillis || stoppedAt !== undefined) return
      first ??= now
      const isLate = now > began + longestMillis
      if (!isLate && now < began + settleMillis + load.seconds * 1000) return
      if (!isLate && now <= first + batchMillis) return
      stoppedAt = now
      for (const client of clients) client.stop()
    }))
  await Promise.all(clients.map((client) => client.run()))
  const start = times.findLast((time) => time <= first! + batchMillis)!
  const end = times.findLast((time) => time <= stoppedAt! + batchMillis)!
  if (end <= start) throw new Error(`no two batches were answered within ${longestMillis / 1000} s at ${load.url}`)
  return {
    perSecond: times.filter((time) => time > start && time <= end).length / (end - start) * 1000,
    p50: Float64Array.from(latencies).sort()[latencies.length >> 1]! * 1000,
    requests: times.length
  }
}
