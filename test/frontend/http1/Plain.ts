/** Requests as `HeadReader` reads them one after the other, in the form of `Llhttp.read`. */
import { Head } from "../../../src/layers/frontend/internal/http1/Head.ts"
import { incomplete, readHead } from "../../../src/layers/frontend/internal/http1/HeadReader.ts"
import type { Reading } from "./Llhttp.ts"

export interface PlainReading {
  readonly readings: ReadonlyArray<Reading>
  /** What came after them. */
  readonly rest: "nothing" | "incomplete" | "odd"
}

export const maxSize = 4096

/** Until a head is odd or incomplete, or the connection would close. */
export const read = (bytes: Buffer): PlainReading => {
  const readings: Array<Reading> = []
  let at = 0
  while (at < bytes.length) {
    const head = readHead(bytes, at, maxSize)
    if (!(head instanceof Head)) return { readings, rest: head === incomplete ? "incomplete" : "odd" }
    at += head.bytes.length
    const body = Math.min(head.contentLength, bytes.length - at)
    at += body
    readings.push({
      method: head.method,
      target: head.target,
      headers: head.raw,
      keepsAlive: head.keepsAlive,
      upgrades: false,
      version: "1.1",
      body,
      complete: body === head.contentLength
    })
    if (!head.keepsAlive) break
  }
  return { readings, rest: "nothing" }
}
