/** Finished traces of one setting, until they go to a file. Source: scheduling §10.5. */
import type { TraceSetting } from "../../../schema/TraceSetting.ts"
import type { PendingText } from "./PendingText.ts"

/** Where texts go: to a file of their own, or to the array of all; at once, with all that waits, or when it suits. @category models */
export type Send = (
  texts: ReadonlyArray<string>,
  how: { readonly alone: boolean; readonly now: boolean }
) => void

/** @category models */
export interface Collector {
  /** A further trace is on its way. */
  readonly begun: () => void
  /** A trace is over. */
  readonly finished: (text: string) => void
  /** No further trace begins. */
  readonly ended: (why: "counted" | "replaced") => void
}

/** What is sent has its room in `pending` until it was written. @category constructors */
export const make = (
  { count, logFrequency }: Pick<TraceSetting, "count" | "logFrequency">,
  pending: PendingText,
  send: Send
): Collector => {
  const alone = logFrequency > 0
  /** Some are kept until all have come, or enough of them. */
  const keeps = alone || count > 0
  let texts: Array<string> = []
  let finished = 0
  let open = 0
  let isCounted = false
  let isReplaced = false

  const release = (how: Parameters<Send>[1]) => {
    const all = texts
    texts = []
    finished = 0
    send(all, how)
  }

  /** Sends what need not wait for others. */
  const look = () => {
    if (alone && finished >= logFrequency) release({ alone: true, now: true })
    else if (isCounted && open === 0) release({ alone: true, now: true })
    else if (isReplaced) release({ alone, now: true })
    else if (!keeps) release({ alone: false, now: pending.filling })
    else if (pending.filling) release({ alone, now: true })
  }

  return {
    begun: () => {
      open++
    },
    finished: (text) => {
      open--
      finished++
      if (text.length > pending.room) pending.left("traces")
      else if (text !== "") {
        pending.take(text.length)
        texts.push(text)
      }
      look()
    },
    ended: (why) => {
      if (why === "counted") isCounted = true
      else isReplaced = true
      look()
    }
  }
}
