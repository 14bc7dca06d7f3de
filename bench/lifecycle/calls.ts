/** Constant traffic over gRPC from one client, one call after the other. */
import { connectGrpc, tensor } from "../../src/client/GrpcClient.ts"

export interface Calls {
  readonly answered: () => number
  readonly failures: ReadonlyMap<string, number>
  readonly failed: () => number
  readonly stop: () => Promise<void>
}

/** `check` gets each answer with the newest before it, and says what is wrong with it. No call is tried twice. */
export const start = (
  port: number,
  perSecond: number,
  check: (value: number, newest: number) => string | undefined
): Calls => {
  const client = connectGrpc(`127.0.0.1:${port}`, { retry: false, timeoutMillis: 30_000 })
  const failures = new Map<string, number>()
  const inputs = { INPUT0: tensor(BigInt64Array.of(0n), [1, 1]) }
  let answered = 0
  const closing = new AbortController()
  const run = async () => {
    let newest = 0
    for (let due = performance.now(); !closing.signal.aborted; due += 1000 / perSecond) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())))
      let problem: string | undefined
      try {
        const { outputs } = await client.infer("table", inputs)
        const value = Number(outputs["OUTPUT0"]!.data[0])
        problem = check(value, newest)
        newest = Math.max(newest, value)
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error)
      }
      if (problem === undefined) answered++
      else failures.set(problem, (failures.get(problem) ?? 0) + 1)
    }
    await client.close()
  }
  const ended = run()
  return {
    answered: () => answered,
    failures,
    failed: () => [...failures.values()].reduce((sum, count) => sum + count, 0),
    stop: () => {
      closing.abort()
      return ended
    }
  }
}
