/**
 * What so many sequences that live cost a process beside their states, in bytes each, after collections: the growth of the heap and of
 * buffers without the states, and the growth of resident memory without them. Prints both. Before that, as many
 * sequences have come and gone, a few at a time.
 *
 * Usage: node --expose-gc bench/yardsticks/sequenceMemory.ts SEQUENCES ELEMENTS_OF_STATE
 */
import { Effect, ManagedRuntime } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Server from "../../src/layers/Server.ts"
import * as Tensor from "../../src/schema/Tensor.ts"
import * as InferenceServer from "../../src/services/InferenceServer.ts"
import * as SequenceModels from "../../test/fixtures/onnx/SequenceModels.ts"
import { write } from "../models.ts"
import * as sequenceModels from "../sequenceModels.ts"

/** Sequences that live at once before. */
const few = 16

const [count, width] = process.argv.slice(2).map(Number) as [number, number]

interface Step {
  readonly start?: boolean
  readonly end?: boolean
}

const zeros = new Int32Array(width)

const step = (id: number, { end = false, start = false }: Step) =>
  Effect.scoped(
    InferenceServer.infer({
      model: "running",
      inputs: [Tensor.from("INPUT", [1, width], zeros)],
      sequence: { id: BigInt(id), start, end }
    })
  )

/** One step of each, 16 at a time. */
const each = (ids: ReadonlyArray<number>, kind: Step) =>
  Effect.forEach(ids, (id) => step(id, kind), { concurrency: 16, discard: true })

const idsFrom = (first: number, length: number) => Array.from({ length }, (_, i) => first + i)

const pause = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 500)))

const memory = Effect.gen(function*() {
  yield* pause
  for (let i = 0; i < 4; i++) globalThis.gc!()
  const { arrayBuffers, heapUsed, rss } = process.memoryUsage()
  return { kept: heapUsed + arrayBuffers, rss }
})

const folder = mkdtempSync(join(tmpdir(), "galatea-bench-"))
try {
  write(
    folder,
    "running",
    SequenceModels.controlled({ width }),
    sequenceModels.runningConfig(`oldest { max_candidate_sequences: ${count} }`, width)
  )
  const runtime = ManagedRuntime.make(Server.layerInProcess({ modelRepository: [folder] }))
  const { after, before } = await runtime.runPromise(Effect.gen(function*() {
    for (let first = 1; first <= 4 * count; first += few) {
      const ids = idsFrom(first, few)
      yield* each(ids, { start: true })
      yield* each(ids, {})
      yield* each(ids, { end: true })
    }
    const before = yield* memory
    const ids = idsFrom(1, count)
    yield* each(ids, { start: true })
    yield* each(ids, {})
    const after = yield* memory
    yield* each(ids, { end: true })
    return { before, after }
  }))
  const states = count * width * Int32Array.BYTES_PER_ELEMENT
  const own = (growth: number) => ((growth - states) / count).toFixed(0)
  console.log(own(after.kept - before.kept), own(after.rss - before.rss))
  await runtime.dispose()
} finally {
  rmSync(folder, { recursive: true })
}
