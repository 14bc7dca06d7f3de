/**
 * Reads the protobuf wire format through a small window, so that large payloads are passed over without being read.
 *
 * A walk is a generator: it yields the span that it needs next and receives bytes that start there. Whoever drives it decides
 * where the bytes come from. {@link Malformed} is thrown inside walks and caught by the drivers; it never leaves this folder.
 */
import { Effect, Result } from "effect"

/** Bytes that a walk needs: at least `length` of them from `offset` on. More may be given. @category models */
export interface Span {
  readonly offset: number
  readonly length: number
}

/** @category models */
export type Walk<A> = Generator<Span, A, Uint8Array>

/** What is wrong with the bytes. @category errors */
export class Malformed extends Error {}

/** Bytes that a driver should give at once where the source has them. @category constants */
export const windowSize = 64 * 1024

const utf8 = new TextDecoder("utf-8")

/** One field of a message. @category models */
export interface Field {
  readonly number: number
  readonly wireType: number
  /** The number of a varint field, 0 for others. */
  readonly value: number
  /** Where the value begins: behind the tag. */
  readonly valueAt: number
  /** Bytes of the payload, 0 for varints. */
  readonly length: number
}

/** A place in the bytes, and the window around it. @category models */
export class Cursor {
  position = 0
  readonly size: number
  #window: Uint8Array = new Uint8Array(0)
  #start = 0

  constructor(size: number) {
    this.size = size
  }

  /** `true` when the next `length` bytes are at hand; otherwise {@link fill} first. */
  has(length: number): boolean {
    return this.position >= this.#start && this.position + length <= this.#start + this.#window.length
  }

  *fill(length: number): Walk<void> {
    this.#window = yield { offset: this.position, length }
    this.#start = this.position
  }

  /** The next `length` bytes as a view that is good until the next {@link fill}. */
  *take(length: number): Walk<Uint8Array> {
    if (!this.has(length)) yield* this.fill(length)
    const from = this.position - this.#start
    this.position += length
    return this.#window.subarray(from, from + length)
  }

  /** The header of the next field of a message that ends at `end`, and the value of a varint field. */
  *field(end: number): Walk<Field> {
    // A tag and a length or a varint are at most 10 bytes each.
    const wanted = Math.min(20, end - this.position)
    if (!this.has(wanted)) yield* this.fill(wanted)
    const at = this.position
    const tag = this.#varint(end)
    const valueAt = this.position
    const number = Math.floor(tag / 8)
    const wireType = tag % 8
    if (tag < 8 || number > 0x1fffffff) {
      throw new Malformed(`byte ${at} should begin a field and holds field number ${number}`)
    }
    switch (wireType) {
      case 0:
        return { number, wireType, value: this.#varint(end), valueAt, length: 0 }
      case 1:
      case 5: {
        const length = wireType === 1 ? 8 : 4
        this.#mustFit(number, at, length, end)
        return { number, wireType, value: 0, valueAt, length }
      }
      case 2: {
        const length = this.#varint(end)
        this.#mustFit(number, at, length, end)
        return { number, wireType, value: 0, valueAt, length }
      }
      default:
        throw new Malformed(`field ${number} at byte ${at} has the unknown wire type ${wireType}`)
    }
  }

  #mustFit(field: number, at: number, length: number, end: number): void {
    if (length < 0 || length > end - this.position) {
      const size = length < 0 ? "a negative number of" : String(length)
      throw new Malformed(
        end === this.size
          ? `it is cut short: field ${field} at byte ${at} announces ${size} bytes, and ${end - this.position} remain`
          : `field ${field} at byte ${at} announces ${size} bytes, more than the ${
            end - this.position
          } of what holds it`
      )
    }
  }

  /** An unsigned varint below 2^53; as a signed 64-bit number where its top bit is set (so -1 is -1). */
  #varint(end: number): number {
    let low = 0
    let high = 0
    const from = this.position
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.position >= end) throw new Malformed(`it is cut short in the number at byte ${from}`)
      const byte = this.#window[this.position - this.#start]!
      this.position++
      if (shift < 28) low += (byte & 0x7f) * 2 ** shift
      else high += (byte & 0x7f) * 2 ** (shift - 28)
      if (byte < 0x80) {
        // 64 bits: 28 in `low`, 36 in `high`; the top bit makes it negative.
        const bits = high % 2 ** 36
        return bits >= 2 ** 35 ? (bits - 2 ** 36) * 2 ** 28 + low : bits * 2 ** 28 + low
      }
    }
    throw new Malformed(`byte ${from} begins a number of more than 10 bytes`)
  }
}

/** Text of a string field; bytes that are not UTF-8 become U+FFFD. @category decoding */
export const text = (bytes: Uint8Array): string => utf8.decode(bytes)

/**
 * Visits the fields of a small message that is wholly at hand.
 *
 * `visit` gets each field, its payload, empty for varints, and the bytes of its header without the tag: the number of a varint
 * field as it stands.
 *
 * @category decoding
 */
export const eachField = (
  bytes: Uint8Array,
  visit: (field: Field, payload: Uint8Array, header: Uint8Array) => void
): void => {
  const cursor = new Cursor(bytes.length)
  const walk = function*(): Walk<void> {
    while (cursor.position < bytes.length) {
      const field = yield* cursor.field(bytes.length)
      visit(
        field,
        bytes.subarray(cursor.position, cursor.position + field.length),
        bytes.subarray(field.valueAt, cursor.position)
      )
      cursor.position += field.length
    }
  }
  runOver(bytes, walk())
}

/** Drives a walk over bytes in memory. @category running */
export const runOver = <A>(bytes: Uint8Array, walk: Walk<A>): A => {
  let step = walk.next()
  while (!step.done) step = walk.next(bytes.subarray(step.value.offset))
  return step.value
}

/**
 * Drives a walk over bytes that `read` fetches; `read` must give at least the bytes of the span. A failure is what is wrong with
 * the bytes.
 *
 * @category running
 */
export const drive = Effect.fnUntraced(function*<A, E, R>(
  walk: Walk<A>,
  read: (span: Span) => Effect.Effect<Uint8Array, E, R>
) {
  let bytes: Uint8Array = new Uint8Array(0)
  while (true) {
    const step = advance(walk, bytes)
    if (Result.isFailure(step)) return Result.fail(step.failure)
    if (step.success.done) return Result.succeed(step.success.value)
    bytes = yield* read(step.success.value)
  }
})

const advance = <A>(walk: Walk<A>, bytes: Uint8Array): Result.Result<IteratorResult<Span, A>, string> => {
  try {
    return Result.succeed(walk.next(bytes))
  } catch (error) {
    if (error instanceof Malformed) return Result.fail(error.message)
    throw error
  }
}
