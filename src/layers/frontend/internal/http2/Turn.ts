/**
 * Connections that have something to write wait here until the end of the turn of the event loop.
 *
 * A write costs a system call and often the wake-up of its reader, so what several calls have to say leaves in one write. Writes of
 * different connections that follow each other closely find their reader awake.
 */
import { stayAwake } from "../Attention.ts"

/** @internal */
export interface Writer {
  /** Writes what there is. */
  flush(): void
  /** Milliseconds for which its thread stays awake afterwards, see `Attention`. */
  readonly awake: number
}

/** One for all connections of the process: they share one event loop. */
let writers: Array<Writer> = []

const flush = (): void => {
  const leaving = writers
  writers = []
  let awake = 0
  for (const writer of leaving) {
    writer.flush()
    awake = Math.max(awake, writer.awake)
  }
  stayAwake(awake)
}

/** Flushes at the end of this turn. @internal */
export const post = (writer: Writer): void => {
  if (writers.length === 0) setImmediate(flush)
  writers.push(writer)
}
