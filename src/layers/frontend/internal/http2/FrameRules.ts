/** On which streams frames may come, and how large: what breaks these rules ends the connection. Source: RFC 9113 §4.2, §6. */
import { ErrorCode, Flag, FrameType } from "./Frame.ts"

/** Why a connection ends. @internal */
export interface Fault {
  readonly code: number
  readonly reason: string
}

const broken = (reason: string): Fault => ({ code: ErrorCode.protocolError, reason })
const wrongSize: Fault = { code: ErrorCode.frameSizeError, reason: "a frame of the wrong size" }

/** What is wrong with a frame by its head alone. `lastId`: the last stream that the client opened. @internal */
export const fault = (length: number, type: number, flags: number, id: number, lastId: number): Fault | undefined => {
  switch (type) {
    case FrameType.data:
      return id > lastId || id % 2 === 0 ? broken("DATA on a stream that was not opened") : undefined
    case FrameType.headers:
      return id % 2 === 0 ? broken("HEADERS on a stream that no client opens") : undefined
    case FrameType.priority:
      return id === 0 ? broken("PRIORITY without a stream") : undefined
    case FrameType.rstStream:
      if (id === 0 || id > lastId) return broken("RST_STREAM on a stream that was not opened")
      return length === 4 ? undefined : wrongSize
    case FrameType.settings:
      if (id !== 0) return broken("SETTINGS on a stream")
      return length % 6 !== 0 || ((flags & Flag.ack) !== 0 && length !== 0) ? wrongSize : undefined
    case FrameType.ping:
      if (id !== 0) return broken("PING on a stream")
      return length === 8 ? undefined : wrongSize
    case FrameType.goAway:
      if (id !== 0) return broken("GOAWAY on a stream")
      return length < 8 ? wrongSize : undefined
    case FrameType.windowUpdate:
      if (id > lastId) return broken("WINDOW_UPDATE on a stream that was not opened")
      return length === 4 ? undefined : wrongSize
    case FrameType.pushPromise:
      return broken("PUSH_PROMISE from a client")
    default:
      return undefined
  }
}
