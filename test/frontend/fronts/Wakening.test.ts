/** Two ends of a link that interrupt each other between any two looks at the memory that they share. */
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { vi } from "vitest"
import { Link } from "../../../src/layers/frontend/internal/fronts/Link.ts"
import { allocate, RingReader, RingWriter } from "../../../src/layers/frontend/internal/fronts/Ring.ts"

/** A thread: what its event loop is to run, and what it will write. */
interface End {
  readonly tasks: Array<() => void>
  readonly unwritten: Array<number>
  readonly received: Array<number>
  link: Link
  running: boolean
}

const capacity = 256

/**
 * Runs both until each sleeps, with nothing left to write. Each number of `choices` decides who goes on at one point: at a look at
 * shared memory, the other one may take a whole step in between.
 */
const run = (choices: ReadonlyArray<number>, toWrite: readonly [number, number]) => {
  const memories = [allocate(capacity), allocate(capacity)] as const
  const ends: Array<End> = []
  let current: End
  let choice = 0
  const choose = (): number => choices[choice++ % choices.length]!
  /** The end goes on by one step. `false`: it sleeps. */
  const step = (end: End): boolean => {
    if (end.running) return false
    const writes = end.unwritten.length > 0 && (end.tasks.length === 0 || choose() % 2 === 0)
    if (!writes && end.tasks.length === 0) return false
    const before = current
    current = end
    end.running = true
    if (writes) {
      const length = end.unwritten.shift()!
      end.link.open(length, length)
      end.link.commit()
    } else end.tasks.shift()!()
    end.running = false
    current = before
    return true
  }
  const interrupt = (): void => {
    if (choose() % 3 === 0) step(ends[current === ends[0] ? 1 : 0]!)
  }
  for (const method of ["load", "store", "exchange"] as const) {
    const original: (...given: Array<never>) => unknown = Atomics[method]
    vi.spyOn(Atomics, method).mockImplementation((...given: Array<unknown>) => {
      interrupt()
      const value = original(...given as Array<never>)
      interrupt()
      return value as never
    })
  }
  vi.stubGlobal("setImmediate", (task: () => void) => current.tasks.push(task))
  try {
    for (const i of [0, 1] as const) {
      const end: End = {
        tasks: [],
        unwritten: Array.from({ length: toWrite[i] }, () => 1 + choose() % 100),
        received: [],
        running: false,
        link: new Link({
          writer: new RingWriter(memories[i]),
          reader: new RingReader(memories[1 - i]!),
          // A message is seen in a later turn of the other one.
          tell: () => {
            const other = ends[1 - i]!
            other.tasks.push(() => other.link.rung())
          },
          onRecord: (reader) => {
            ends[i]!.received.push(reader.kind)
          }
        })
      }
      ends.push(end)
    }
    current = ends[0]!
    const expected = ends.map(({ unwritten }) => [...unwritten])
    for (let steps = 0; step(ends[choose() % 2]!) || step(ends[0]!) || step(ends[1]!); steps++) {
      assert.isBelow(steps, 100_000, "neither of them ever sleeps")
    }
    return { expected, received: ends.map(({ received }) => received) }
  } finally {
    vi.unstubAllGlobals()
    vi.restoreAllMocks()
  }
}

describe("two threads that wake each other", () => {
  it("sleep only when everything was read, in its order and once, however they interrupt each other", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(FastCheck.nat(1000), { minLength: 20, maxLength: 400 }),
        FastCheck.tuple(FastCheck.nat(40), FastCheck.nat(40)),
        (choices, toWrite) => {
          const { expected, received } = run(choices, toWrite)
          assert.deepStrictEqual(received, [expected[1], expected[0]])
        }
      ),
      { seed: 20261127, numRuns: 400 }
    )
  })
})
