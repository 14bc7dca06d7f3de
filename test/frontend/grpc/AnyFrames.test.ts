/** Any order of frames, answers and writes: nothing is lost, nothing exceeds a window, nothing throws. */
import { assert, describe, it } from "@effect/vitest"
import { Cause } from "effect"
import fc from "fast-check"
import type { GrpcCall, Receiver } from "../../../src/layers/frontend/internal/grpc/Call.ts"
import { Flag, FrameType, preface, Setting } from "../../../src/layers/frontend/internal/http2/Frame.ts"
import { Fields, HpackEncoder } from "../../../src/layers/frontend/internal/http2/HpackEncoder.ts"
import { callFields, frame, message, settings, uint32 } from "../../integration/grpc/Wire.ts"
import { open } from "./FakeConnection.ts"

type Step =
  | { readonly _tag: "headers"; readonly stream: number; readonly path: string; readonly end: boolean }
  | {
    readonly _tag: "data"
    readonly stream: number
    readonly body: Buffer
    readonly end: boolean
    readonly pad: number
  }
  | { readonly _tag: "window"; readonly stream: number; readonly by: number }
  | { readonly _tag: "initial"; readonly size: number }
  | {
    readonly _tag: "raw"
    readonly stream: number
    readonly type: number
    readonly flags: number
    readonly payload: Uint8Array
  }
  | { readonly _tag: "serve"; readonly call: number; readonly act: number; readonly size: number }
  | { readonly _tag: "take" }
  | { readonly _tag: "shutdown" }

const streams = fc.constantFrom(1, 3, 5, 7, 9)
const sizes = fc.constantFrom(0, 1, 100, 4090, 5000, 16_384, 70_000)
const body = fc.oneof(
  sizes.map((size) => message(Buffer.alloc(size, 7))),
  fc.tuple(sizes, fc.nat(100)).map(([size, cut]) => message(Buffer.alloc(size, 7)).subarray(0, cut)),
  fc.constant(Buffer.concat([message(Buffer.alloc(30)), message(Buffer.alloc(20_000))]))
)

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      _tag: fc.constant("headers" as const),
      stream: streams,
      path: fc.constantFrom("/one", "/many", "/silent", "/now"),
      end: fc.boolean()
    })
  },
  {
    weight: 30,
    arbitrary: fc.record({
      _tag: fc.constant("data" as const),
      stream: streams,
      body,
      end: fc.boolean(),
      pad: fc.constantFrom(-1, -1, 0, 200)
    })
  },
  {
    weight: 15,
    arbitrary: fc.record({
      _tag: fc.constant("window" as const),
      stream: fc.oneof(streams, fc.constant(0)),
      by: fc.constantFrom(1, 100, 50_000, 1_000_000)
    })
  },
  {
    weight: 5,
    arbitrary: fc.record({ _tag: fc.constant("initial" as const), size: fc.constantFrom(0, 1, 1000, 65_535, 200_000) })
  },
  {
    weight: 10,
    arbitrary: fc.record({
      _tag: fc.constant("raw" as const),
      stream: streams,
      type: fc.constantFrom<number>(FrameType.rstStream, FrameType.priority, 77),
      flags: fc.constant(0),
      payload: fc.constant(Buffer.alloc(5))
    }).map((step) => step.type === FrameType.rstStream ? { ...step, payload: uint32(8) } : step)
  },
  {
    weight: 5,
    arbitrary: fc.record({
      _tag: fc.constant("raw" as const),
      stream: fc.constant(0),
      type: fc.constantFrom<number>(FrameType.ping, FrameType.goAway),
      flags: fc.constantFrom(0, Flag.ack),
      payload: fc.constant(Buffer.from([0, 0, 0, 0, 0, 0, 0, 2]))
    })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      _tag: fc.constant("raw" as const),
      stream: fc.oneof(streams, fc.nat(20)),
      // The ledger has to know of windows.
      type: fc.nat(12).filter((type) => type !== FrameType.settings && type !== FrameType.windowUpdate),
      flags: fc.nat(255),
      payload: fc.uint8Array({ maxLength: 20 })
    })
  },
  {
    weight: 30,
    arbitrary: fc.record({
      _tag: fc.constant("serve" as const),
      call: fc.nat(4),
      act: fc.nat(5),
      size: sizes
    })
  },
  { weight: 15, arbitrary: fc.constant({ _tag: "take" as const }) },
  { weight: 1, arbitrary: fc.constant({ _tag: "shutdown" as const }) }
)

/** The services behind a connection, driven step by step. */
class Services {
  readonly calls: Array<{ readonly call: GrpcCall; readonly receiver: Receiver | undefined }> = []
  readonly releases: Array<() => void> = []
  handed = 0
  sent = 0
  ends = 0

  serve(call: GrpcCall): void {
    if (call.path === "/one") {
      call.receiveOne((received) => {
        this.handed++
        call.reply([received], received.length, () => this.sent++)
      })
      this.calls.push({ call, receiver: undefined })
    } else if (call.path === "/many") {
      const receiver = call.receiveMany({
        onMessage: (received, release) => {
          if (received.length % 2 === 0) receiver.more()
          this.handed++
          call.send([received], received.length, () => {
            this.sent++
            received.fill(0xee)
            release()
          })
        },
        onEnd: () => {
          this.ends++
          call.finish(0, "")
        },
        onCancel: () => {
          this.ends++
        }
      })
      this.calls.push({ call, receiver })
    } else if (call.path === "/now") {
      call.finish(5, "not here")
    } else {
      this.calls.push({ call, receiver: undefined })
    }
  }

  act({ act, call: index, size }: Extract<Step, { _tag: "serve" }>): void {
    const found = this.calls[index]
    if (found === undefined) return
    const { call, receiver } = found
    const answer = Buffer.alloc(size, 9)
    if (act === 0) receiver?.more()
    else if (act === 1) call.finish(3, "no")
    else if (act < 4) {
      this.handed++
      const sent = (): void => {
        this.sent++
        answer.fill(0xee)
      }
      if (act === 2) call.send([answer, answer], size * 2, sent)
      else call.reply([answer], size, sent)
    } else if (act === 4) call.compress("gzip")
    else call.defect(Cause.die("a bug"))
  }
}

/** What a client allows, and what it got. */
class Ledger {
  private initial = 65_535
  private connection = 65_535
  private readonly streams = new Map<number, number>()

  step(step: Step): void {
    if (step._tag === "window" && step.stream === 0) this.connection += step.by
    else if (step._tag === "window") this.streams.set(step.stream, this.window(step.stream) + step.by)
    else if (step._tag === "initial") {
      for (const [stream, window] of this.streams) this.streams.set(stream, window + step.size - this.initial)
      this.initial = step.size
    } else if (step._tag === "headers") this.streams.set(step.stream, this.window(step.stream))
  }

  private window(stream: number): number {
    return this.streams.get(stream) ?? this.initial
  }

  /** `false`: the connection was ended. */
  got(bytes: Buffer): boolean {
    for (let at = 0; at < bytes.length;) {
      const length = bytes.readUIntBE(at, 3)
      const type = bytes[at + 3]!
      const stream = bytes.readUInt32BE(at + 5)
      if (type === FrameType.goAway && bytes.readUInt32BE(at + 13) !== 0) return false
      if (type === FrameType.data) {
        assert.isAtMost(length, 16_384)
        this.connection -= length
        this.streams.set(stream, this.window(stream) - length)
        assert.isAtLeast(this.connection, 0)
        assert.isAtLeast(this.window(stream), 0)
      }
      at += 9 + length
      assert.isAtMost(at, bytes.length)
    }
    return true
  }
}

const encode = (step: Step, encoder: HpackEncoder): Buffer => {
  switch (step._tag) {
    case "headers":
      return frame(
        FrameType.headers,
        Flag.endHeaders | (step.end ? Flag.endStream : 0),
        step.stream,
        encoder.encode(new Fields(callFields([], step.path)))
      )
    case "data":
      return frame(
        FrameType.data,
        (step.end ? Flag.endStream : 0) | (step.pad === -1 ? 0 : Flag.padded),
        step.stream,
        step.pad === -1 ? step.body : Buffer.concat([Buffer.from([step.pad]), step.body, Buffer.alloc(step.pad)])
      )
    case "window":
      return frame(FrameType.windowUpdate, 0, step.stream, uint32(step.by))
    case "initial":
      return settings(Setting.initialWindowSize, step.size)
    case "raw":
      return frame(step.type, step.flags, step.stream, step.payload)
    default:
      return Buffer.alloc(0)
  }
}

describe("any frames", () => {
  it("leave nothing behind, and get no more than they allow", () => {
    const lists = fc.array(steps, { minLength: 30, maxLength: 80, size: "max" })
    fc.assert(
      fc.property(lists, (list) => {
        const services = new Services()
        const { connection, held, receive, socket } = open((call) => services.serve(call), false)
        const encoder = new HpackEncoder()
        const ledger = new Ledger()
        receive(preface, settings(), encode({ _tag: "headers", stream: 1, path: "/many", end: false }, encoder))
        let opened = 1
        for (const drawn of list) {
          // Requests have numbers that grow; everything else is about the last ones.
          if (drawn._tag === "headers" && (drawn.stream > 1 || drawn.path !== "/one")) opened += 2
          const step = !("stream" in drawn) || drawn.stream === 0
            ? drawn
            : { ...drawn, stream: drawn._tag === "headers" ? opened : Math.max(1, opened + 1 - drawn.stream) }
          ledger.step(step)
          const bytes = encode(step, encoder)
          if (bytes.length > 0) receive(bytes)
          else if (step._tag === "serve") services.act(step)
          else if (step._tag === "take") socket.take()
          else if (step._tag === "shutdown") connection.shutdown()
          connection.flush()
          if (!ledger.got(Buffer.concat(socket.written.splice(0)))) break
        }
        socket.take()
        assert.isFalse(socket.spoilt)
        socket.destroy()
        assert.deepStrictEqual(held(), [0, 0, 0, 0])
        assert.strictEqual(services.sent, services.handed)
        assert.strictEqual(connection.working, 0)
        assert.strictEqual(connection.streams.size, 0)
      }),
      { numRuns: 1000 }
    )
  })
})
