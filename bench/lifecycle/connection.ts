/** One kept-alive HTTP connection that sends ready-made requests, as little work for the client as there can be. */
import { connect, type Socket } from "node:net"

export interface Answer {
  readonly status: number
  readonly body: Buffer
}

interface Pending {
  readonly resolve: (answer: Answer) => void
  readonly reject: (reason: Error) => void
}

const headEnd = Buffer.from("\r\n\r\n")

/** Sends one request at a time, and connects again where the server has closed between two of them. */
export class Connection {
  private readonly port: number
  private socket: Socket | undefined
  private received: Buffer = Buffer.alloc(0)
  private pending: Pending | undefined
  /** Connections opened so far. */
  opened = 0

  constructor(port: number) {
    this.port = port
  }

  /** Fails when no whole answer comes within `timeoutMillis`. */
  async ask(request: Uint8Array, timeoutMillis: number): Promise<Answer> {
    const socket = this.socket ?? await this.open()
    let timer: NodeJS.Timeout | undefined
    return new Promise<Answer>((resolve, reject) => {
      this.pending = { resolve, reject }
      timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMillis} ms`)), timeoutMillis)
      socket.write(request)
    }).finally(() => clearTimeout(timer))
  }

  close(): void {
    this.socket?.destroy()
  }

  private open(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: this.port, noDelay: true })
      let failure: Error | undefined
      socket.once("connect", () => {
        this.opened++
        this.socket = socket
        this.received = Buffer.alloc(0)
        resolve(socket)
      })
      socket.on("error", (error) => {
        failure = error
      })
      socket.on("data", (chunk: Buffer) => this.receive(chunk))
      socket.on("close", () => {
        const error = failure ?? new Error("the connection was closed before the answer")
        reject(error)
        if (this.socket !== socket) return
        this.socket = undefined
        this.settle()?.reject(error)
      })
    })
  }

  private settle(): Pending | undefined {
    const { pending } = this
    this.pending = undefined
    return pending
  }

  private receive(chunk: Buffer): void {
    this.received = this.received.byteLength === 0 ? chunk : Buffer.concat([this.received, chunk])
    const end = this.received.indexOf(headEnd)
    if (end < 0) return
    const head = this.received.toString("latin1", 0, end)
    const length = /^content-length: *(\d+)/im.exec(head)
    if (length === null) {
      this.socket?.destroy(new Error(`an answer without Content-Length:\n${head}`))
      return
    }
    const total = end + headEnd.byteLength + Number(length[1])
    if (this.received.byteLength < total) return
    const body = this.received.subarray(end + headEnd.byteLength, total)
    this.received = this.received.subarray(total)
    if (/^connection: *close/im.test(head)) {
      this.socket?.end()
      this.socket = undefined
    }
    this.settle()?.resolve({ status: Number(head.slice(9, 12)), body })
  }
}
