/** HTTP/2: frames, and compressed headers. */
import { preface } from "../../../src/layers/frontend/internal/http2/Frame.ts"
import { FrameReader, type FrameSink } from "../../../src/layers/frontend/internal/http2/FrameReader.ts"
import { CompressionFault, HpackDecoder } from "../../../src/layers/frontend/internal/http2/HpackDecoder.ts"
import { same, type Target } from "../Target.ts"

class Log implements FrameSink {
  readonly list: Array<string> = []
  private data = ""

  badPreface(): void {
    this.list.push("bad preface")
  }
  frame(length: number, type: number, flags: number, stream: number): "data" | "whole" | "skip" | "stop" {
    this.list.push(`frame ${length} ${type} ${flags} ${stream}`)
    this.data = ""
    if (length > 16_384) return "stop"
    return type === 0 ? "data" : type < 9 ? "whole" : "skip"
  }
  payload(bytes: Buffer, start: number, end: number): void {
    this.list.push(bytes.toString("hex", start, end))
  }
  dataPart(chunk: Buffer, start: number, end: number): void {
    this.data += chunk.toString("hex", start, end)
  }
  dataPadding(bytes: number): void {
    // Padding may come in pieces; what it is in all shows in what follows.
    this.data += `+${bytes}`.repeat(0)
  }
  badPadding(): void {
    this.list.push("bad padding")
  }
  dataEnd(): void {
    this.list.push(this.data)
  }
}

const read = (chunks: Iterable<Buffer>): ReadonlyArray<string> => {
  const log = new Log()
  const reader = new FrameReader(log)
  for (const chunk of chunks) reader.push(chunk)
  return log.list
}

/** Frames are the same however they arrive: at once, byte by byte, or cut where the first byte of the input says. */
export const frames: Target = {
  name: "http2-frames",
  seeds: () => [
    Buffer.concat([Buffer.of(3), Buffer.from(preface), Buffer.from("000000040000000000", "hex")]),
    Buffer.concat([
      Buffer.of(20),
      Buffer.from(preface),
      Buffer.from("00000401050000000182868441", "hex"),
      Buffer.from("0000060009000000010268690000000000", "hex")
    ])
  ],
  run: (input) => {
    const step = Math.max(1, input[0] ?? 1)
    const bytes = Buffer.from(input.subarray(1))
    const whole = read([bytes])
    const cut = (size: number): Array<Buffer> => {
      const chunks: Array<Buffer> = []
      for (let at = 0; at < bytes.length; at += size) chunks.push(Buffer.from(bytes.subarray(at, at + size)))
      return chunks
    }
    same(read(cut(1)), whole, "frames byte by byte")
    same(read(cut(step)), whole, `frames by ${step} bytes`)
  }
}

/** Three blocks of one connection; the fields are bounded by what the tables can give for each byte. */
export const hpack: Target = {
  name: "hpack",
  seeds: () =>
    [
      "828684410f7777772e6578616d706c652e636f6d",
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      "3fe11f400a637573746f6d2d6b65790c"
    ]
      .map((hex) => Buffer.from(hex, "hex")),
  run: (input) => {
    const decoder = new HpackDecoder()
    const bytes = Buffer.from(input)
    const third = Math.ceil(bytes.length / 3)
    let fields = 0
    try {
      for (let at = 0; at < bytes.length; at += third) {
        decoder.decode(bytes, at, Math.min(bytes.length, at + third), { field: () => void fields++ })
      }
    } catch (thrown) {
      if (!(thrown instanceof CompressionFault)) throw thrown
    }
    if (fields > bytes.length) throw new Error(`${fields} fields of ${bytes.length} bytes`)
  }
}
