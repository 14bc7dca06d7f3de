/**
 * What a queue can know of its own pace, worked out afresh from all that has happened whenever it is asked.
 *
 * Of what happens at one time a scheduler may know a part: a run starts in the place of another before that one is counted. So the
 * answers are all those that are right at this time.
 */

/** What happened to the line. */
export type Happening =
  | { readonly kind: "empty" }
  | { readonly kind: "left"; readonly at: number; readonly requests: number; readonly others: boolean }
  | { readonly kind: "ran"; readonly at: number; readonly nanos: number }

type Left = Extract<Happening, { readonly kind: "left" }>

export class PaceModel {
  private watched = false
  private readonly happenings: Array<Happening> = []
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  /** The first request with a deadline has come. */
  watch(): void {
    this.watched = true
  }

  note(happening: Happening): void {
    if (this.watched) this.happenings.push(happening)
  }

  /** When the answer can be expected of a request that so many others are served before, in nanoseconds from now. */
  answers(before: number): ReadonlyArray<number> {
    return this.knowledge().map((known) => before * each(known) * 1.25 + run(known).long)
  }

  /** What a run hardly ever takes longer than. */
  longRuns(): ReadonlyArray<number> {
    return this.knowledge().map((known) => run(known).long)
  }

  meanRuns(): ReadonlyArray<number> {
    return this.knowledge().map((known) => run(known).mean)
  }

  /** What a scheduler may have seen: everything up to now, or up to something that happens now. */
  private knowledge(): ReadonlyArray<ReadonlyArray<Happening>> {
    const { happenings } = this
    let from = happenings.length
    while (from > 0) {
      const last = happenings[from - 1]!
      if (last.kind !== "empty" && last.at < this.now()) break
      from--
    }
    return Array.from({ length: happenings.length - from + 1 }, (_, i) => happenings.slice(0, from + i))
  }
}

/** Nanoseconds in which one request leaves while others wait. */
const each = (known: ReadonlyArray<Happening>): number => {
  const line = known.filter((happening) => happening.kind !== "ran")
  let nanos = 0
  let requests = 0
  line.forEach((happening, i) => {
    if (happening.kind === "empty") return
    const before = line[i - 1]
    if (!happening.others) nanos *= 15 / 16
    else if (before?.kind === "left" && before.others) {
      nanos = nanos * 15 / 16 + happening.at - (before satisfies Left).at
      requests = requests * 15 / 16 + happening.requests
    }
  })
  return requests === 0 ? 0 : nanos / requests
}

const run = (known: ReadonlyArray<Happening>): { readonly mean: number; readonly long: number } => {
  const all = known.flatMap((happening) => happening.kind === "ran" ? [happening.nanos] : [])
  // A run that took no time at all says nothing.
  const runs = all.slice(all.findIndex((nanos) => nanos > 0))
  const [first] = runs
  if (first === undefined || first === 0) return { mean: 0, long: 0 }
  let mean = first
  let spread = first / 2
  for (const nanos of runs.slice(1)) {
    const distance = Math.abs(nanos - mean)
    mean = mean * 7 / 8 + nanos / 8
    spread = spread * 3 / 4 + distance / 4
  }
  return { mean, long: mean + 4 * spread }
}
