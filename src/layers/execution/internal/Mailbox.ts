/**
 * The shared memory between the main thread and one execution instance: how a run is described, and how it is answered.
 *
 * ```
 * 128 bytes  words    Int32: control words, then the state of each place
 * places × (
 *   8 KiB    fields   Float64: the run on the way in, its outcome on the way out
 *   32 KiB   inline   bytes of small tensors
 * )
 * ```
 *
 * Runs are numbered, and one after the other takes the next place: while one runs, the following ones may lie there already.
 * What does not fit travels over a message port beside it; the fields say so. This module is loaded by both threads.
 */
import type { LogLevel } from "effect"
import type { MessagePort } from "node:worker_threads"
import type { Parameter } from "../../../schema/Inference.ts"

/** Indices of the control words. The numbers of the last request and answer, whether the worker sleeps, is in native code. */
export const Word = { request: 0, answer: 1, asleep: 2, native: 3, states: 16 } as const

/** Value of `Word.request` that ends the worker. */
export const closing = -1

/** Runs that may lie in a mailbox at once, the one that runs included. */
export const places = 8

/** State of a place. Main makes a run ready, the worker begins it, unless main withdraws it first: both compare and exchange. */
export const State = { ready: 0, begun: 1, withdrawn: 2 } as const

/** The greatest number of a run, a multiple of `places`; 1 follows it. */
const lastNumber = 0x7ffffff8

/** The number after `number`. */
export const next = (number: number): number => number === lastNumber ? 1 : number + 1

/** The place of the run of this number. */
export const placeOf = (number: number): number => (number - 1) & (places - 1)

const wordBytes = 128
const fieldBytes = 8192
/** Bytes for small tensors: a run's inputs, then its outputs. */
export const inlineCapacity = 32_768

/** Tensors up to this size are copied into the mailbox: cheaper than naming memory that the worker may not know yet. */
export const inlineLimit = 8192

/** Fields of a request or an answer that fit into the mailbox. */
export const fieldCapacity = fieldBytes / 8

/** Every inline tensor starts at a multiple of this. */
export const alignment = 64

/** One place. @category models */
export interface PlaceViews {
  readonly fields: Float64Array
  readonly inline: Uint8Array
  /** Where `inline` starts in the buffer. */
  readonly inlineOffset: number
}

/** @category models */
export interface Views {
  readonly buffer: SharedArrayBuffer
  readonly words: Int32Array
  readonly places: ReadonlyArray<PlaceViews>
}

/** The views over a mailbox, or over a new one. @category constructors */
export const views = (
  buffer = new SharedArrayBuffer(wordBytes + places * (fieldBytes + inlineCapacity))
): Views => ({
  buffer,
  words: new Int32Array(buffer, 0, wordBytes / 4),
  places: Array.from({ length: places }, (_, place): PlaceViews => {
    const at = wordBytes + place * (fieldBytes + inlineCapacity)
    return {
      fields: new Float64Array(buffer, at, fieldCapacity),
      inline: new Uint8Array(buffer, at + fieldBytes, inlineCapacity),
      inlineOffset: at + fieldBytes
    }
  })
})

/** Rounds a byte offset up to the alignment. */
export const align = (offset: number): number => (offset + alignment - 1) & ~(alignment - 1)

/**
 * Fields of a request: `[inputs, outputs, inline bytes used, inline bytes used by inputs, (input …), (output …)]`. A negative first
 * field: the fields are in a message.
 *
 * An input is `index, datatype, memory, offset, byteLength, rank, …dims`, an output `index, memory, offset, byteLength, rank,
 * …dims`. `memory` 0 is the mailbox itself; `none` lets the runtime allocate.
 */
export const Request = {
  inputs: 0,
  outputs: 1,
  inlineUsed: 2,
  inlineInputs: 3,
  entries: 4,
  inputHead: 6,
  outputHead: 5
} as const

/** Memory 0: the inline bytes of the mailbox. */
export const inlineMemory = 0
/** The runtime allocates this output. */
export const none = -1

/**
 * Fields of an answer: `[status, has message, input nanos, infer nanos, output nanos, begun at, (output …)]`. An output is
 * `place, datatype, offset, byteLength, rank, …dims`.
 */
export const Answer = {
  status: 0,
  hasMessage: 1,
  inputNanos: 2,
  inferNanos: 3,
  outputNanos: 4,
  begunAt: 5,
  entries: 6,
  outputHead: 5
} as const

/** How a run ended. */
export const Status = { done: 0, failed: 1, invalid: 2 } as const

/** Where the bytes of an output are: as the request said, among the inline bytes, in the message, or nowhere: it was left out. */
export const Place = { asked: 0, inline: 1, message: 2, absent: 3 } as const

/** Words of the bell that all instances of an executor share: main is awake and looks by itself; main has been told. */
export const Bell = { awake: 0, told: 1 } as const

/** What main tells the worker beside the mailbox. */
export type ToWorker =
  /** Memory that fields will name; `once`: forget it after the run of this number, never where that is 0. */
  | { readonly _tag: "Memory"; readonly id: number; readonly buffer: SharedArrayBuffer; readonly once: number }
  | { readonly _tag: "Forget"; readonly id: number }
  | { readonly _tag: "Fields"; readonly number: number; readonly fields: Float64Array }

/** What the worker tells main beside the mailbox. */
export interface AnswerMessage {
  readonly error?: string
  readonly fields?: Float64Array
  readonly parameters?: ReadonlyMap<string, Parameter>
  readonly buffers: ReadonlyArray<ArrayBuffer>
}

/** Settings of a native session as the binding takes them. */
export interface NativeSettings {
  readonly intraOpNumThreads?: number
  readonly interOpNumThreads?: number
  readonly executionMode?: "sequential" | "parallel"
  readonly graphOptimizationLevel?: "disabled" | "basic" | "extended" | "all"
  readonly enableCpuMemArena?: boolean
  readonly enableMemPattern?: boolean
  readonly extra?: Readonly<Record<string, unknown>>
  /** As the binding takes them. Default: the CPU alone. */
  readonly executionProviders?: ReadonlyArray<Readonly<Record<string, unknown>>>
}

/** What a worker needs to be given runs. The tensors of a run are named by their index here. */
export interface RunStart {
  readonly mailbox: SharedArrayBuffer
  readonly bell: SharedArrayBuffer
  readonly port: MessagePort
  readonly inputs: ReadonlyArray<string>
  readonly outputs: ReadonlyArray<string>
}

/** What a worker of a session is started with. `run` is absent where the model is only looked at. */
export interface Start {
  readonly path: string
  readonly settings: NativeSettings
  readonly run?: RunStart
}

/** An input or output as the worker found it. */
export interface Found {
  readonly name: string
  readonly isTensor: boolean
  /** Number of ONNX's element type, 0 where it is no tensor. */
  readonly elementType: number
  readonly shape: ReadonlyArray<number>
}

/** What a worker says: that it is up or could not open the model, later that it has answered. */
export type FromWorker =
  | {
    readonly _tag: "Opened"
    /** What a session says of itself; a custom model says nothing. */
    readonly inputs: ReadonlyArray<Found>
    readonly outputs: ReadonlyArray<Found>
    /** It wants to hear of the ends of sequences. */
    readonly hears?: boolean
  }
  | { readonly _tag: "Refused"; readonly reason: string }
  | Log
  | 0

/** A line for the server's log. */
export interface Log {
  readonly _tag: "Log"
  readonly level: LogLevel.Severity
  readonly text: string
}
