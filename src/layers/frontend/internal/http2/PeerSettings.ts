/** Obeys what a client sets. Source: RFC 9113 §6.5. */
import type { Connection } from "./Connection.ts"
import { defaultFrameSize, ErrorCode, maxFrameSize, maxWindow, Setting } from "./Frame.ts"

/** @internal */
export class PeerSettings {
  private readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** Applies the payload of a SETTINGS frame in its order and acknowledges it. */
  apply(bytes: Buffer, start: number, end: number): void {
    const { connection } = this
    for (let at = start; at < end && !connection.over; at += 6) {
      this.set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2))
    }
    if (connection.over) return
    connection.writer.settingsAck()
    connection.touch()
  }

  private set(setting: number, value: number): void {
    const { connection } = this
    switch (setting) {
      case Setting.headerTableSize:
        return connection.writer.encoder.resize(value)
      case Setting.enablePush:
        if (value > 1) connection.fail(ErrorCode.protocolError, "ENABLE_PUSH is neither 0 nor 1")
        return undefined
      case Setting.initialWindowSize:
        if (value > maxWindow || !connection.sender.resize(value, connection.streams.all())) {
          connection.fail(ErrorCode.flowControlError, "INITIAL_WINDOW_SIZE makes a window too large")
        }
        return undefined
      case Setting.maxFrameSize:
        if (value < defaultFrameSize || value > maxFrameSize) {
          return connection.fail(ErrorCode.protocolError, `MAX_FRAME_SIZE is ${value}, outside its bounds`)
        }
        connection.writer.maxFrame = value
        return undefined
      default:
        return undefined
    }
  }
}
