/** The whole explanation of one version: a pure function from what was read to sentences. */
import { advice } from "./Advice.ts"
import { facts } from "./Facts.ts"
import { batcher, batches, waiting } from "./Findings.ts"
import type { Counts, Settings } from "./Reading.ts"
import { count, counted, digits } from "./Wording.ts"

/** Sentences below a title. @internal */
export interface Section {
  readonly title: string
  readonly sentences: ReadonlyArray<string>
}

/** @internal */
export interface Explanation {
  readonly title: string
  /** There was something to explain. */
  readonly complete: boolean
  readonly sections: ReadonlyArray<Section>
}

/** `seconds`: the time in which the counts came together; `undefined`: since the version was loaded. @internal */
export const explain = (settings: Settings, counts: Counts, seconds: number | undefined): Explanation => {
  const name = `${settings.name} version ${counts.version}`
  const what = { title: "Batcher", sentences: batcher(settings) }
  const when = seconds === undefined ? "since it was loaded" : `in ${digits(seconds)} s`
  const { failures, requests } = counts
  if (requests + failures === 0) {
    const advised = seconds === undefined ? "Send it some, then ask again." : "Ask again while it is in use."
    return {
      title: `${name}: no request ${when}`,
      complete: false,
      sections: [what, { title: "Nothing to explain", sentences: [advised] }]
    }
  }
  const one = facts(settings, counts, seconds)
  const changes = advice(one)
  const rate = seconds === undefined ? "" : `, ${digits((requests + failures) / seconds)} a second`
  const failed = failures === 0 ? "" : ` and ${count(failures)} failed`
  return {
    title: `${name}: ${counted(requests, "request")}${failed} ${when}${rate}`,
    complete: true,
    sections: [
      what,
      ...(settings.scheduling === "ensemble" ? [] : [{ title: "Batches", sentences: batches(one) }]),
      { title: "Waiting", sentences: waiting(one) },
      {
        title: "What to change",
        sentences: changes.length > 0
          ? changes
          : [
            seconds === undefined
              ? "Nothing stands out. Whether instances are busy all the time shows with --seconds 10."
              : "Nothing stands out."
          ]
      }
    ]
  }
}
