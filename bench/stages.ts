/**
 * What each stage between the front ends and an executor costs the thread that does it, for one request of a tiny model: time, and
 * bytes allocated. A regression names its stage.
 *
 * Requests come 32 to a turn of the event loop, and an executor that does nothing ends its runs in the next one. Each time is the
 * least of many short rounds: what else the machine does counts little, and neither does the collection of garbage, which the bytes
 * tell.
 *
 * Usage: node --expose-gc --min-semi-space-size=128 --max-semi-space-size=256 bench/stages.ts [WORD...]; words choose stages.
 */
import { Effect, FiberSet } from "effect"
import { type Stage, stages } from "./stages/Stages.ts"

const rounds = 60
const wanted = process.argv.slice(2)

const collect = (): void => {
  globalThis.gc?.()
}

const used = (): number => {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

interface Cost {
  readonly micros: number
  readonly bytes: number
}

const measure = async ({ calls, run }: Stage): Promise<Cost> => {
  // The first ones are those in which the code is compiled.
  for (let i = 0; i < 30; i++) await run()
  let micros = Infinity
  const bytes: Array<number> = []
  for (let i = 0; i < rounds; i++) {
    if (i % 10 === 0) collect()
    const before = used()
    const begun = performance.now()
    await run()
    micros = Math.min(micros, (performance.now() - begun) * 1000 / calls)
    // Whatever was collected meanwhile would count as less than nothing.
    const grown = (used() - before) / calls
    if (grown > 0) bytes.push(grown)
  }
  return { micros, bytes: bytes.sort((a, b) => a - b)[bytes.length >> 1] ?? Number.NaN }
}

const main = Effect.gen(function*() {
  const fork = yield* FiberSet.makeRuntime<never, unknown, unknown>()
  const all = yield* stages(fork)
  for (const stage of all) {
    if (wanted.length > 0 && !wanted.some((word) => stage.title.includes(word))) continue
    const { bytes, micros } = yield* Effect.promise(() => measure(stage))
    const allocated = Number.isFinite(bytes) && globalThis.gc !== undefined
      ? `${bytes.toFixed(0).padStart(7)} bytes`
      : ""
    process.stdout.write(`${stage.title.padEnd(52)} ${micros.toFixed(2).padStart(7)} µs ${allocated}\n`)
  }
}).pipe(Effect.scoped)

await Effect.runPromise(main)
