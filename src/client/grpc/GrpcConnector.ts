/** Opens the connection of a channel, one at a time, and a new one after its end; not too often where it cannot be opened. */
import { GrpcConnection, type GrpcKeepAlive, type GrpcTlsOptions } from "./GrpcConnection.ts"
import { GrpcFailure } from "./GrpcFailure.ts"

/** @internal */
export interface ConnectorOptions {
  readonly tls?: GrpcTlsOptions | undefined
  readonly windowBytes?: number | undefined
  readonly keepAlive?: GrpcKeepAlive | undefined
  readonly connectTimeoutMillis?: number | undefined
  readonly minReconnectMillis?: number | undefined
  readonly maxReconnectMillis?: number | undefined
}

/** Host, port and TLS of an address. */
const parse = (address: string): { readonly host: string; readonly port: number; readonly secure: boolean } => {
  const [, scheme = "grpc", place = ""] = /^(?:(https?|grpcs?):\/\/)?([^/?#@\s]+)\/?$/.exec(address) ?? []
  // A scheme without a default port, so that every port that is given is kept.
  const text = `grpc://${place}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.hostname === "") {
    throw new TypeError(
      `${JSON.stringify(address)} is no address of a gRPC server: expected something like localhost:8001`
    )
  }
  const secure = scheme === "https" || scheme === "grpcs"
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? secure ? 443 : 8001 : Number(url.port),
    secure
  }
}

/** Waits for a promise, but not longer than a signal and a time allow. */
const within = <A>(
  promise: Promise<A>,
  signal: AbortSignal | undefined,
  millis: number | undefined,
  expired: () => Error
): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = millis === undefined ? undefined : setTimeout(() => end(() => reject(expired())), Math.max(0, millis))
    const abort = (): void => end(() => reject(signal!.reason))
    const end = (settle: () => void): void => {
      clearTimeout(timer)
      signal?.removeEventListener("abort", abort)
      settle()
    }
    signal?.addEventListener("abort", abort, { once: true })
    promise.then((value) => end(() => resolve(value)), (error) => end(() => reject(error)))
  })

/** @internal */
export class GrpcConnector {
  private readonly options: ConnectorOptions
  private readonly place: ReturnType<typeof parse>
  private readonly address: string
  private current: GrpcConnection | undefined
  /** Connections that end when their calls do. */
  private readonly retired = new Set<GrpcConnection>()
  private closed = false
  private failures = 0
  private notBefore = 0
  private lastProblem: Error | undefined

  constructor(address: string, options: ConnectorOptions) {
    this.address = address
    this.options = options
    this.place = parse(address)
  }

  /** The connection on which a call may begin. `millis`: time that the call has left. */
  async connection(
    method: string,
    { signal }: { readonly signal?: AbortSignal | undefined },
    millis: number | undefined
  ): Promise<GrpcConnection> {
    signal?.throwIfAborted()
    const expired = () =>
      new GrpcFailure("the time of the call was over before it could be sent", {
        status: "DEADLINE_EXCEEDED",
        method,
        unprocessed: true,
        local: true
      })
    if (millis !== undefined && millis <= 0) throw expired()
    const connection = this.open(method)
    if (connection.session.connecting) {
      try {
        await within(connection.ready, signal, millis, expired)
      } catch (error) {
        if (signal?.aborted === true || error instanceof GrpcFailure) throw error
        throw this.unavailable(method, error as Error)
      }
    }
    return connection
  }

  private open(method: string): GrpcConnection {
    if (this.closed) {
      throw new GrpcFailure("the channel is closed", { status: "CANCELLED", method, unprocessed: false, local: true })
    }
    const { current } = this
    if (current !== undefined && !current.ended) return current
    if (performance.now() < this.notBefore) throw this.unavailable(method, this.lastProblem!)
    if (current !== undefined) this.retire(current)
    const { options, place } = this
    const opened = new GrpcConnection({
      host: place.host,
      port: place.port,
      tls: options.tls ?? (place.secure ? {} : undefined),
      keepAlive: options.keepAlive,
      connectTimeoutMillis: options.connectTimeoutMillis ?? 20_000,
      windowBytes: options.windowBytes ?? 4 * 1024 * 1024
    })
    this.current = opened
    opened.ready.then(() => this.succeeded(), (problem: Error) => this.failed(problem))
    return opened
  }

  private retire(connection: GrpcConnection): void {
    if (connection.session.destroyed) return
    this.retired.add(connection)
    connection.session.once("close", () => this.retired.delete(connection))
  }

  private succeeded(): void {
    this.failures = 0
    this.notBefore = 0
  }

  private failed(problem: Error): void {
    const { maxReconnectMillis = 10_000, minReconnectMillis = 100 } = this.options
    const pause = Math.min(maxReconnectMillis, minReconnectMillis * 2 ** this.failures)
    this.failures++
    this.lastProblem = problem
    // Clients that lost the same server do not all come back at the same moment.
    this.notBefore = performance.now() + pause * (0.8 + 0.4 * Math.random())
  }

  private unavailable(method: string, cause: Error): GrpcFailure {
    const code = (cause as NodeJS.ErrnoException).code
    const detail = cause.message === "" ? code ?? cause.name : cause.message
    return new GrpcFailure(`no connection to ${this.address}: ${detail}`, {
      status: "UNAVAILABLE",
      method,
      local: true,
      cause
    })
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    const problem = new Error("the channel was closed")
    this.current?.destroy(problem)
    for (const connection of this.retired) connection.destroy(problem)
  }
}
