/** The answer to a run, as a worker writes it: output by output, in the order in which the run asks for them. */
import { performance } from "node:perf_hooks"
import type { Parameter } from "../../../schema/Inference.ts"
import * as Mailbox from "./Mailbox.ts"
import type { RunBox } from "./RunQueue.ts"

const { Answer, Place, Request, Status } = Mailbox

/** What makes nanoseconds of `process.hrtime`, which all threads share, of this thread's `performance.now`. */
const clockOffset = Number(process.hrtime.bigint()) - performance.now() * 1e6

/** @category models */
export class WorkerAnswer {
  private readonly mailbox: RunBox
  private readonly entries: Array<number>
  private readonly buffers: Array<ArrayBuffer> = []
  private readonly ran: number
  private inlineUsed: number

  /** Times are milliseconds of `performance.now`: when it was begun, when its inputs were ready, and when it had run. */
  constructor(mailbox: RunBox, started: number, ready: number, ran: number) {
    this.mailbox = mailbox
    this.inlineUsed = mailbox.fields[Request.inlineUsed]!
    this.ran = ran
    this.entries = [
      Status.done,
      0,
      (ready - started) * 1e6,
      (ran - ready) * 1e6,
      0,
      clockOffset + started * 1e6
    ]
  }

  /** An output whose bytes lie where the run asked for them, by the entry of the request from `at` on. */
  asked(at: number, datatype: number, dims: ReadonlyArray<number>): void {
    const { fields } = this.mailbox
    const place = fields[at] === Mailbox.inlineMemory ? Place.inline : Place.asked
    this.entries.push(place, datatype, fields[at + 1]!, fields[at + 2]!, dims.length, ...dims)
  }

  /** An output in memory of its own: small ones are copied, the memory of all others goes to main. */
  given(view: ArrayBufferView<ArrayBuffer>, datatype: number, dims: ReadonlyArray<number>): void {
    const { byteLength } = view
    if (this.copied(view, datatype, dims)) return
    this.sent(
      view.buffer.byteLength === byteLength
        ? view.buffer
        : view.buffer.slice(view.byteOffset, view.byteOffset + byteLength),
      datatype,
      dims
    )
  }

  /** An output in memory that others may use as well: it is copied. */
  lent(view: Uint8Array, datatype: number, dims: ReadonlyArray<number>): void {
    if (this.copied(view, datatype, dims)) return
    this.sent(new Uint8Array(view).buffer, datatype, dims)
  }

  /** An output that is left out. */
  absent(datatype: number): void {
    this.entries.push(Place.absent, datatype, 0, 0, 0)
  }

  /** Writes it; gives the message that has to go beside it, if any. */
  end(parameters?: ReadonlyMap<string, Parameter>): Mailbox.AnswerMessage | undefined {
    const { buffers, entries, mailbox: { answer } } = this
    entries[Answer.outputNanos] = (performance.now() - this.ran) * 1e6
    const fits = entries.length <= Mailbox.fieldCapacity
    if (fits && buffers.length === 0 && parameters === undefined) {
      answer.set(entries)
      return undefined
    }
    entries[Answer.hasMessage] = 1
    answer.set(fits ? entries : entries.slice(0, Answer.entries))
    return {
      buffers,
      ...(fits ? {} : { fields: Float64Array.from(entries) }),
      ...(parameters === undefined ? {} : { parameters })
    }
  }

  private copied(view: ArrayBufferView, datatype: number, dims: ReadonlyArray<number>): boolean {
    const { byteLength } = view
    if (byteLength > Mailbox.inlineCapacity - this.inlineUsed) return false
    this.mailbox.inline.set(new Uint8Array(view.buffer, view.byteOffset, byteLength), this.inlineUsed)
    this.entries.push(Place.inline, datatype, this.inlineUsed, byteLength, dims.length, ...dims)
    this.inlineUsed = Mailbox.align(this.inlineUsed + byteLength)
    return true
  }

  private sent(buffer: ArrayBuffer, datatype: number, dims: ReadonlyArray<number>): void {
    this.entries.push(Place.message, datatype, this.buffers.length, buffer.byteLength, dims.length, ...dims)
    this.buffers.push(buffer)
  }
}

/** The answer of a run that failed. @category constructors */
export const failed = (mailbox: RunBox, invalid: boolean, error: string): Mailbox.AnswerMessage => {
  mailbox.answer[Answer.status] = invalid ? Status.invalid : Status.failed
  mailbox.answer[Answer.hasMessage] = 1
  // What it had not come to: the memory that belonged to this run alone has to be known to be dropped.
  mailbox.receive()
  return { error, buffers: [] }
}
