/** Constant traffic from several connections that goes on until it is stopped, and remembers every failure. */
import { Connection } from "./connection.ts"

export interface Options {
  readonly port: number
  readonly connections: number
  /** Requests a second from all connections together; each waits for its answer first. 0: as fast as answers come. */
  readonly perSecond: number
  /** The next request, and why an answer with status 200 is wrong in spite of it. */
  readonly next: () => { readonly request: Uint8Array; readonly problem: (body: Buffer) => string | undefined }
  /** What takes longer has failed. Default: 30 s. */
  readonly timeoutMillis?: number
  /** Whether a connection is to go on; asked before every request. Default: always. */
  readonly goOn?: () => boolean
}

export interface Traffic {
  /** Answered with 200 and the right value. */
  readonly answered: () => number
  /** What went wrong how often. */
  readonly failures: ReadonlyMap<string, number>
  readonly failed: () => number
  /** Milliseconds of every answer since the last call, ascending. */
  readonly takeLatencies: () => ReadonlyArray<number>
  /** Ends every connection after the answer that it waits for. */
  readonly stop: () => Promise<void>
  /** Done when all connections have ended by themselves. */
  readonly ended: Promise<void>
}

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

export const start = (options: Options): Traffic => {
  const { connections, goOn = () => true, next, perSecond, port, timeoutMillis = 30_000 } = options
  const failures = new Map<string, number>()
  let answered = 0
  let latencies: Array<number> = []
  const closing = new AbortController()
  const interval = perSecond === 0 ? 0 : 1000 * connections / perSecond

  const fail = (reason: string) => failures.set(reason, (failures.get(reason) ?? 0) + 1)

  const run = async (index: number) => {
    const connection = new Connection(port)
    let due = performance.now() + interval * index / connections
    let late = false
    while (!closing.signal.aborted && goOn()) {
      const wait = due - performance.now()
      if (wait > 0.5) await sleep(wait)
      if (closing.signal.aborted || !goOn()) break
      // A request that had to wait for the one before it has waited for the server; one whose timer was late has not.
      const from = late ? due : performance.now()
      const { problem, request } = next()
      try {
        const { body, status } = await connection.ask(request, timeoutMillis)
        const wrong = status === 200 ? problem(body) : `${status} ${body.toString("utf8").slice(0, 300)}`
        if (wrong === undefined) {
          answered++
          latencies.push(performance.now() - from)
        } else fail(wrong)
      } catch (error) {
        fail(error instanceof Error ? error.message : String(error))
        await sleep(10)
      }
      due += interval
      late = interval > 0 && performance.now() > due
    }
    connection.close()
  }

  const ended = Promise.all(Array.from({ length: connections }, (_, index) => run(index))).then(() => undefined)
  return {
    answered: () => answered,
    failures,
    failed: () => [...failures.values()].reduce((sum, count) => sum + count, 0),
    takeLatencies: () => {
      const taken = latencies.sort((a, b) => a - b)
      latencies = []
      return taken
    },
    stop: () => {
      closing.abort()
      return ended
    },
    ended
  }
}

/** The value that so large a part of ascending values does not exceed. */
export const quantile = (ascending: ReadonlyArray<number>, part: number): number =>
  ascending.length === 0 ? NaN : ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * part))]!
