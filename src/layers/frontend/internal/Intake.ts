/**
 * The bytes of a connection as they come: read into memory that all connections share, and into a body's own where much of it is
 * missing. Sockets of Node allocate 64 KiB for each read instead, which costs more than the rest of reading a small request.
 *
 * Node lets a socket read into given memory only when it is made, so another one is made around what the server accepted. Where
 * that is not possible, as over TLS, reads are those of the socket.
 */
import { Socket, type SocketConstructorOpts } from "node:net"

/** Who reads. @internal */
export interface Reader {
  /** Bytes came. `owned`: nobody else changes the memory that they are in; otherwise it changes once this returns. */
  receive(bytes: Buffer, owned: boolean): void
  /** So many bytes came into the place that `place` gave. */
  receivePlaced(length: number): void
  /**
   * Where the next bytes are to go; `undefined`: wherever. It is asked before each read, and only what it gave last is still written
   * to.
   */
  place(): Uint8Array | undefined
}

const size = 64 * 1024

/** No view of it is the whole of it, which its receiver might take for memory of its own. */
const shared = Buffer.allocUnsafeSlow(size + 64).subarray(0, size)

/** What of a socket's inside has to be there for another one to take its place. */
interface Inside {
  _handle?: { readonly useUserBuffer?: unknown; readonly reading?: unknown } | null
  _server?: object | null
  server?: object | null
}

/** @internal */
export class Intake {
  /** The one that is read. */
  readonly socket: Socket
  private reader: Reader | undefined
  private placed = false
  private readonly isShared: boolean
  private readonly onData = (chunk: Buffer): void => this.reader?.receive(chunk, true)

  /** Takes a socket that was accepted just now and that nobody has read from. */
  constructor(accepted: Socket, reader: Reader) {
    this.reader = reader
    const renewed = this.renew(accepted)
    this.isShared = renewed !== undefined
    this.socket = renewed ?? accepted
    if (!this.isShared) this.socket.on("data", this.onData)
  }

  /** Whoever reads from the socket now gets its bytes as from any other. */
  leave(): void {
    this.reader = undefined
    if (!this.isShared) this.socket.off("data", this.onData)
  }

  private renew(accepted: Socket): Socket | undefined {
    const inside: Inside = accepted as object as Inside
    const { _handle: handle, _server: server } = inside
    if (accepted.constructor !== Socket || typeof handle?.useUserBuffer !== "function" || handle.reading !== true) {
      return undefined
    }
    const options: object = {
      handle,
      allowHalfOpen: accepted.allowHalfOpen,
      onread: {
        buffer: () => this.next(),
        callback: (length: number, bytes: Uint8Array) => this.read(length, bytes)
      }
    }
    // Neither closes what they both stand for now, nor is it counted twice.
    Object.assign(inside, { _handle: null, _server: null })
    return Object.assign(new Socket(options as SocketConstructorOpts), { _server: server, server: inside.server })
  }

  private next(): Uint8Array {
    const place = this.reader?.place()
    this.placed = place !== undefined
    return place ?? shared
  }

  private read(length: number, bytes: Uint8Array): boolean {
    const { reader, socket } = this
    if (this.placed) reader?.receivePlaced(length)
    else if (reader === undefined) return socket.push(Buffer.from(bytes.subarray(0, length)))
    else reader.receive(shared.subarray(0, length), false)
    return true
  }
}
