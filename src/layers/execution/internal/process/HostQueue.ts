/** The runs that a process was sent for one of its instances, one after the other. */
import { writeSync } from "node:fs"
import * as Mailbox from "../Mailbox.ts"
import type { AnswerMessage, RunStart } from "../Mailbox.ts"
import type { RunQueue } from "../RunQueue.ts"
import { begunBytes, Descriptor, maxUnread } from "./Descriptors.ts"
import { align, fileFrom, Frame, Head, inFrame, Kind } from "./Frame.ts"
import type { HostChannel } from "./HostChannel.ts"
import * as Told from "./Told.ts"
import * as TransferFile from "./TransferFile.ts"

const { Answer, Place, Request, Status } = Mailbox

/** Memory for large tensors that is kept from one run to the next, in bytes. */
const keptRoom = 1_048_576

/** What all instances of a process share: one of them runs at a time. @category models */
export class HostMemory {
  readonly answers: TransferFile.TransferWriter
  private readonly hasFiles: boolean
  private readonly begun = new Float64Array(1)
  private room = new ArrayBuffer(0)

  constructor(hasFiles: boolean) {
    this.hasFiles = hasFiles
    this.answers = new TransferFile.TransferWriter(hasFiles ? Descriptor.answers : undefined, begunBytes, maxUnread)
  }

  /** Says that one more run has begun, for whoever finds this process dead. */
  begin(): void {
    this.begun[0]!++
    if (this.hasFiles) writeSync(Descriptor.answers, this.begun, 0, 8, 0)
  }

  /** Memory for so many bytes, until the next run. */
  roomFor(byteLength: number): ArrayBuffer {
    if (this.room.byteLength < byteLength) this.room = new ArrayBuffer(Math.max(byteLength, keptRoom))
    return this.room
  }

  /** Gives back what large runs have used. The server has read every answer: it says so by having nothing to do. */
  trim(): void {
    this.answers.wasRead(this.answers.written)
    this.answers.trim()
    if (this.room.byteLength > keptRoom) this.room = new ArrayBuffer(0)
  }
}

/** @category models */
export class HostQueue implements RunQueue {
  readonly run: Pick<RunStart, "inputs" | "outputs">
  readonly place = 0
  readonly answer = new Float64Array(Mailbox.fieldCapacity)
  readonly inline = new Uint8Array(Mailbox.inlineCapacity)
  readonly inlineOffset = 0
  private readonly instance: number
  private readonly eager: boolean
  private readonly channel: HostChannel
  private readonly host: HostMemory
  private readonly frame = new Frame()
  private readonly reply = new Frame()
  private waiting: Array<Uint8Array> = []
  private closing = false
  /** Memory of the large tensors of the run. */
  private room = new ArrayBuffer(0)

  /** `eager`: answers are written at once; otherwise by whoever waits for the next frame. */
  constructor(
    instance: number,
    run: Pick<RunStart, "inputs" | "outputs">,
    channel: HostChannel,
    host: HostMemory,
    eager = false
  ) {
    this.eager = eager
    this.instance = instance
    this.run = run
    this.channel = channel
    this.host = host
  }

  get fields(): Float64Array {
    return this.frame.fields
  }

  /** A run was sent. */
  push(bytes: Uint8Array): void {
    this.waiting.push(bytes)
  }

  /** No more will be sent. */
  close(): void {
    this.closing = true
  }

  isAsked(): boolean {
    return this.waiting.length > 0 || this.closing
  }

  isClosing(): boolean {
    return this.waiting.length === 0 && this.closing
  }

  sleeps(): void {}

  native(): void {}

  receive(): void {}

  memory(id: number): ArrayBufferLike {
    return id === Mailbox.inlineMemory ? this.inline.buffer : this.room
  }

  begin(): boolean {
    this.load(this.waiting.shift()!)
    return true
  }

  private load(bytes: Uint8Array): void {
    const { frame, host } = this
    frame.read(bytes)
    host.begin()
    host.answers.wasRead(frame.head[Head.read]!)
    this.inline.set(frame.inline)
    this.room = host.roomFor(frame.head[Head.room]!)
    const blockBytes = frame.head[Head.block]!
    if (blockBytes === 0) return
    const block = new Uint8Array(this.room, 0, blockBytes)
    const at = frame.head[Head.blockAt]!
    if (at === inFrame) block.set(frame.block[0]!)
    else TransferFile.readAll(Descriptor.requests, block, at)
  }

  end(message: AnswerMessage | undefined): void {
    const { answer, frame, reply } = this
    const fields = message?.fields ?? answer
    const inputBytes = frame.head[Head.block]!
    let at: number = Answer.entries
    let inlineFrom = Mailbox.inlineCapacity
    let inlineTo = 0
    let asked = false
    if (fields[Answer.status] === Status.done) {
      for (let i = 0; i < frame.fields[Request.outputs]!; i++) {
        const place = fields[at]!
        if (place === Place.asked) asked = true
        else if (place === Place.inline) {
          inlineFrom = Math.min(inlineFrom, fields[at + 2]!)
          inlineTo = Math.max(inlineTo, fields[at + 2]! + fields[at + 3]!)
        }
        at += Answer.outputHead + fields[at + 4]!
      }
    }
    const { head } = reply
    head[Head.kind] = Kind.answer
    head[Head.instance] = this.instance
    head[Head.run] = frame.head[Head.run]!
    head[Head.inlineAt] = inlineTo === 0 ? 0 : inlineFrom
    reply.fields = fields.subarray(0, at)
    reply.inline = inlineTo === 0 ? none : this.inline.subarray(inlineFrom, inlineTo)
    reply.text = message === undefined || message.error === undefined && message.parameters === undefined
      ? none
      : Told.encode({
        ...(message.error === undefined ? {} : { error: message.error }),
        ...(message.parameters === undefined ? {} : { parameters: message.parameters })
      })
    const block: Array<Uint8Array> = []
    const room = frame.head[Head.room]! - inputBytes
    if (asked) block.push(new Uint8Array(this.room, inputBytes, room))
    for (const buffer of message?.buffers ?? []) block.push(new Uint8Array(buffer))
    head[Head.room] = asked ? room : 0
    head[Head.block] = block.reduce((sum, part) => sum + align(part.byteLength), 0)
    head[Head.blockAt] = (head[Head.block]! > fileFrom ? this.host.answers.write(block) : undefined) ?? inFrame
    reply.block = block
    this.channel.put(reply)
    if (this.eager) this.channel.flush()
  }
}

const none = new Uint8Array(0)
