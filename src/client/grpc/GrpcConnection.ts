/** One HTTP/2 connection to a server: from its opening to its end, with pings while nothing else shows that it lives. */
import * as Http2 from "node:http2"
import type { ClientHttp2Session, ClientSessionOptions, SecureClientSessionOptions } from "node:http2"

/** TLS of a channel: texts or bytes in PEM. @category models */
export interface GrpcTlsOptions {
  /** Certificates that may sign the server's. Default: those of Node. */
  readonly rootCertificates?: string | Uint8Array | undefined
  /** Certificate of the client, with the chain behind it. */
  readonly certificate?: string | Uint8Array | undefined
  /** Private key of the client. */
  readonly key?: string | Uint8Array | undefined
  /** Name that the server's certificate must have. Default: the host of the address. */
  readonly serverName?: string | undefined
}

/** Pings. Servers end connections that ping more often than they allow; many allow one in five minutes. @category models */
export interface GrpcKeepAlive {
  /** Milliseconds without a byte from the server after which it is pinged. */
  readonly timeMillis: number
  /** Milliseconds in which it must answer. Default 20000. */
  readonly timeoutMillis?: number | undefined
  /** Pings also while no call is in flight. Default `false`. */
  readonly permitWithoutCalls?: boolean | undefined
}

/** @internal */
export interface ConnectionOptions {
  readonly host: string
  readonly port: number
  readonly tls: GrpcTlsOptions | undefined
  readonly keepAlive: GrpcKeepAlive | undefined
  readonly connectTimeoutMillis: number
  /** Bytes that the server may send of one call before they are read. */
  readonly windowBytes: number
}

const bytesOf = (pem: string | Uint8Array | undefined): string | Buffer | undefined =>
  pem instanceof Uint8Array ? Buffer.from(pem) : pem

const sessionOptions = ({ host, port, tls, windowBytes }: ConnectionOptions): SecureClientSessionOptions => {
  const common: ClientSessionOptions = {
    settings: { enablePush: false, initialWindowSize: windowBytes },
    // In MB: what is in flight belongs to the caller, who bounds it.
    maxSessionMemory: 4096
  }
  const name = tls?.serverName ?? host
  return {
    ...common,
    host,
    port,
    ...(tls === undefined ? {} : {
      // An address is no name that a certificate is asked for.
      ...(/^[\d.]+$|:/.test(name) ? {} : { servername: name }),
      ...(tls.rootCertificates === undefined ? {} : { ca: bytesOf(tls.rootCertificates) }),
      ...(tls.certificate === undefined ? {} : { cert: bytesOf(tls.certificate) }),
      ...(tls.key === undefined ? {} : { key: bytesOf(tls.key) })
    })
  } as SecureClientSessionOptions
}

/** @internal */
export class GrpcConnection {
  readonly session: ClientHttp2Session
  /** Resolves once calls may begin; rejects with what kept the connection from opening. */
  readonly ready: Promise<void>
  private retired = false
  private readonly keepAlive: GrpcKeepAlive | undefined
  private calls = 0
  private heard = performance.now()
  private timer: NodeJS.Timeout | undefined
  /** Why the connection broke. */
  problem: Error | undefined

  constructor(options: ConnectionOptions) {
    this.keepAlive = options.keepAlive
    const host = options.host.includes(":") ? `[${options.host}]` : options.host
    this.session = Http2.connect(
      `${options.tls === undefined ? "http" : "https"}://${host}:${options.port}`,
      sessionOptions(options)
    )
    this.session.on("error", (error: Error) => {
      this.problem ??= error
    })
    this.session.on("goaway", () => this.retire())
    this.session.on("close", () => this.retire())
    this.ready = this.open(options)
    // Who waits for the connection hears of its failure; where nobody does, it is no unhandled rejection.
    this.ready.catch(() => {})
  }

  private open({ connectTimeoutMillis, windowBytes }: ConnectionOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.destroy(new Error(`no connection within ${connectTimeoutMillis} ms`))
      }, connectTimeoutMillis)
      this.session.once("connect", () => {
        clearTimeout(timer)
        // Node counts what came as taken for the connection, so that one call does not hold up the others.
        this.session.setLocalWindowSize(windowBytes)
        this.heard = performance.now()
        if (this.calls === 0) this.session.unref()
        this.watch()
        resolve()
      })
      this.session.once("close", () => {
        clearTimeout(timer)
        reject(this.problem ?? new Error("the connection was closed before it was open"))
      })
    })
  }

  /** No call may begin here any more. */
  get ended(): boolean {
    return this.retired || this.session.closed || this.session.destroyed
  }

  private retire(): void {
    this.retired = true
    if (this.session.destroyed) clearTimeout(this.timer)
  }

  /** A call begins: until it is over, the connection keeps the process alive. */
  acquire(): void {
    if (this.calls++ === 0) this.session.ref()
    this.watch()
  }

  release(): void {
    if (--this.calls > 0) return
    this.session.unref()
    if (this.ended) this.session.close()
  }

  /** Something came from the server. */
  hear(): void {
    this.heard = performance.now()
  }

  /** Looks again when a ping may be due. */
  private watch(): void {
    const { keepAlive, session } = this
    if (keepAlive === undefined || this.timer !== undefined || session.destroyed || session.connecting) return
    const due = this.heard + keepAlive.timeMillis - performance.now()
    this.timer = setTimeout(() => {
      this.timer = undefined
      if (session.destroyed || (this.calls === 0 && keepAlive.permitWithoutCalls !== true)) return
      if (performance.now() - this.heard < keepAlive.timeMillis) this.watch()
      else this.ping(keepAlive.timeoutMillis ?? 20_000)
    }, Math.max(1, due))
    this.timer.unref()
  }

  private ping(timeoutMillis: number): void {
    const timer = setTimeout(() => {
      this.destroy(new Error(`the server did not answer a ping within ${timeoutMillis} ms`))
    }, timeoutMillis)
    const sent = this.session.ping((error) => {
      clearTimeout(timer)
      if (error !== null) return
      this.hear()
      this.watch()
    })
    if (!sent) clearTimeout(timer)
  }

  /** Ends the connection and every call on it. */
  destroy(problem: Error): void {
    this.problem ??= problem
    this.retired = true
    clearTimeout(this.timer)
    this.session.destroy(problem)
  }
}
