/** A connection that main serves: this front only passes its bytes on. */
import type { Socket } from "node:net"
import { MessageChannel, type MessagePort } from "node:worker_threads"
import type { FromFront } from "../Records.ts"
import { maxUnanswered, movable, type RelayMessage } from "../Relay.ts"

const nothing = (): void => {}

/** @internal */
export class Relayed {
  private readonly socket: Socket
  private readonly port: MessagePort
  /** Bytes that main has not taken. */
  private unanswered = 0

  /** `bytes` were read from the paused socket already. */
  constructor(socket: Socket, bytes: Uint8Array, control: MessagePort, onClose: () => void) {
    this.socket = socket
    const { port1, port2 } = new MessageChannel()
    this.port = port1
    const { localAddress, localPort, remoteAddress, remotePort } = socket
    control.postMessage(
      {
        _tag: "Relay",
        port: port2,
        wire: { localAddress, localPort, remoteAddress, remotePort }
      } satisfies FromFront,
      [port2]
    )
    port1.on("message", (message: RelayMessage) => this.take(message))
    port1.on("close", () => socket.destroy())
    socket.on("error", nothing)
    socket.on("data", (chunk: Buffer) => this.send(chunk))
    socket.on("end", () => this.tell("end"))
    socket.on("close", () => {
      this.tell("close")
      port1.close()
      onClose()
    })
    socket.setTimeout(0)
    if (bytes.byteLength > 0) this.send(bytes)
    if (this.unanswered < maxUnanswered) socket.resume()
    if (socket.readableEnded) this.tell("end")
  }

  private send(bytes: Uint8Array): void {
    const moved = movable(bytes)
    this.unanswered += moved.byteLength
    this.port.postMessage(moved satisfies RelayMessage, [moved.buffer])
    if (this.unanswered >= maxUnanswered) this.socket.pause()
  }

  private tell(message: RelayMessage): void {
    this.port.postMessage(message)
  }

  private take(message: RelayMessage): void {
    const { socket } = this
    if (message === "end") socket.end()
    else if (message === "close") socket.destroy()
    else if (typeof message === "number") {
      this.unanswered -= message
      if (this.unanswered < maxUnanswered && socket.isPaused()) socket.resume()
    } else {
      const { byteLength } = message
      socket.write(message, () => this.tell(byteLength))
    }
  }
}
