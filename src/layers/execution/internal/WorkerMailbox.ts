/**
 * The worker's side of a mailbox: takes runs one after the other, finds the memory that they name, and hands in their answers. How a
 * worker waits, and what it runs, is its own affair.
 */
import { receiveMessageOnPort } from "node:worker_threads"
import type { AnswerMessage, RunStart, ToWorker } from "./Mailbox.ts"
import * as Mailbox from "./Mailbox.ts"
import type { RunQueue } from "./RunQueue.ts"

const { Bell, Request, State, Word } = Mailbox

/** @category models */
export class WorkerMailbox implements RunQueue {
  readonly run: RunStart
  readonly words: Int32Array
  /** Number of the run that is being worked on. */
  number = 0
  /** Of the run that is being worked on: what it asks for, where its answer goes, and the bytes beside it. */
  fields: Float64Array
  answer: Float64Array
  inline: Uint8Array
  inlineOffset: number
  /** Number of the run that was answered last. */
  served = 0
  private readonly places: ReadonlyArray<Mailbox.PlaceViews>
  private readonly bell: Int32Array
  private readonly ring: () => void
  private readonly memories: Map<number, SharedArrayBuffer>
  /** Ids of memory by the only run that uses it. */
  private readonly once = new Map<number, Array<number>>()
  /** Fields that came in a message, by run. */
  private readonly sent = new Map<number, Float64Array>()

  /** `ring` tells main by a message that there are answers, where it does not look by itself. */
  constructor(run: RunStart, ring: () => void) {
    const { buffer, places, words } = Mailbox.views(run.mailbox)
    this.run = run
    this.words = words
    this.places = places
    this.bell = new Int32Array(run.bell)
    this.ring = ring
    this.memories = new Map([[Mailbox.inlineMemory, buffer]])
    const { fields, inline, inlineOffset } = places[0]!
    this.fields = fields
    this.answer = fields
    this.inline = inline
    this.inlineOffset = inlineOffset
  }

  /** Something was asked for that was not answered yet: a run, or to end. */
  isAsked(): boolean {
    return Atomics.load(this.words, Word.request) !== this.served
  }

  /** What is asked for is to end. */
  isClosing(): boolean {
    return Atomics.load(this.words, Word.request) === Mailbox.closing
  }

  /**
   * Says that this thread waits to be woken, or not any more. Main reads it after it wrote a request, so a thread that finds nothing
   * asked for after it said so will be woken.
   */
  sleeps(asleep: boolean): void {
    Atomics.store(this.words, Word.asleep, asleep ? 1 : 0)
  }

  /** Takes the next run, which must be answered then. `false`: it was withdrawn, and was passed over. */
  begin(): boolean {
    this.number = Mailbox.next(this.served)
    const place = Mailbox.placeOf(this.number)
    if (Atomics.compareExchange(this.words, Word.states + place, State.ready, State.begun) !== State.ready) {
      this.receive()
      this.pass()
      return false
    }
    const { fields, inline, inlineOffset } = this.places[place]!
    this.fields = fields
    this.answer = fields
    this.inline = inline
    this.inlineOffset = inlineOffset
    if (fields[Request.inputs]! < 0) {
      if (!this.sent.has(this.number)) this.receive()
      this.fields = this.sent.get(this.number)!
    }
    return true
  }

  /** Ends the run, whose answer is in `answer` and, where that has no room for it, in a message. */
  end(message: AnswerMessage | undefined): void {
    if (message !== undefined) this.run.port.postMessage(message, message.buffers)
    this.pass()
  }

  get place(): number {
    return Mailbox.placeOf(this.number)
  }

  native(inside: boolean): void {
    Atomics.store(this.words, Word.native, inside ? 1 : 0)
  }

  /** The memory of an id that the run names. */
  memory(id: number): SharedArrayBuffer {
    if (!this.memories.has(id)) this.receive()
    return this.memories.get(id)!
  }

  /** Takes in what main has told beside the mailbox. */
  receive(): void {
    const { port } = this.run
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      const message = next.message as ToWorker
      if (message._tag === "Fields") this.sent.set(message.number, message.fields)
      else if (message._tag === "Forget") this.memories.delete(message.id)
      else {
        this.memories.set(message.id, message.buffer)
        if (message.once === 0) continue
        const ids = this.once.get(message.once)
        if (ids === undefined) this.once.set(message.once, [message.id])
        else ids.push(message.id)
      }
    }
  }

  /** Drops what belonged to the run alone, and lets main have the answer. */
  private pass(): void {
    if (this.once.size > 0) {
      for (const id of this.once.get(this.number) ?? []) this.memories.delete(id)
      this.once.delete(this.number)
    }
    if (this.sent.size > 0) this.sent.delete(this.number)
    this.served = this.number
    Atomics.store(this.words, Word.answer, this.served)
    if (Atomics.load(this.bell, Bell.awake) === 0 && Atomics.exchange(this.bell, Bell.told, 1) === 0) this.ring()
  }
}
