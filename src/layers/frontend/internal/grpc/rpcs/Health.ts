/**
 * `grpc.health.v1.Health`: whether the server takes requests, once or as a stream of changes.
 *
 * Source: gRPC health checking protocol; `Check` as in Triton, protocol §7.2, which has no `Watch` and no `List`.
 */
import { Effect, Exit, Latch, Result, type Scope } from "effect"
import type { DraftOf } from "../../../../../schema/proto/Descriptor.ts"
import { rpcPath } from "../../../../../schema/proto/Descriptor.ts"
import * as Fields from "../../../../../schema/proto/HealthService.ts"
import * as WireFormat from "../../../../../schema/proto/WireFormat.ts"
import type { GrpcCall } from "../Call.ts"
import { Status } from "../Status.ts"
import type { Door } from "./Door.ts"
import { malformed, type Rpc, shuttingDown, unary, unsuccessful } from "./Rpc.ts"

/** @internal */
export interface Options {
  /** Names that `Watch` and `List` know besides `""`, which stands for the whole server. */
  readonly services: ReadonlyArray<string>
  /** Watches open at a time. */
  readonly maxWatches: number
  /** Time from a change until watches are told, at most, in milliseconds. */
  readonly watchIntervalMillis: number
}

type ServingStatus = NonNullable<DraftOf<typeof Fields.HealthCheckResponse>["status"]>

const statusOf = (ready: boolean): ServingStatus => ready ? "SERVING" : "NOT_SERVING"

const nothing = (): void => {}

/** One client that wants to hear of changes. It is sent the newest status only, however slowly it reads. */
class Watch {
  readonly call: GrpcCall
  private readonly known: boolean
  private wanted: ServingStatus | undefined = undefined
  private sent: ServingStatus | undefined = undefined
  private full = false

  constructor(call: GrpcCall, known: boolean) {
    this.call = call
    this.known = known
    call.onDrain = () => {
      this.full = false
      this.flush()
    }
  }

  tell(ready: boolean): void {
    this.wanted = this.known ? statusOf(ready) : "SERVICE_UNKNOWN"
    this.flush()
  }

  private flush(): void {
    if (this.full || this.call.settled || this.wanted === this.sent) return
    this.sent = this.wanted
    const { byteLength, parts } = WireFormat.encodeParts(Fields.HealthCheckResponse, { status: this.wanted })
    this.full = !this.call.send(parts, byteLength, nothing)
  }
}

/**
 * The watches of a front end. Whether the server is ready follows from models, instances and the end of the server, none of which
 * announces a change; so one fiber looks for all watches, and sleeps while there is none.
 */
class Watches {
  private readonly watches = new Set<Watch>()
  private readonly wake = Latch.makeUnsafe()
  private readonly door: Pick<Door, "server">
  private readonly options: Options

  constructor(door: Pick<Door, "server">, options: Options) {
    this.door = door
    this.options = options
  }

  begin(call: GrpcCall, service: string): void {
    this.sweep()
    if (this.watches.size >= this.options.maxWatches) {
      return call.finish(
        Status.resourceExhausted,
        `The server already holds ${this.watches.size} health watches, the most it takes at a time. Share one, or ask Check.`
      )
    }
    const watch = new Watch(call, service === "" || this.options.services.includes(service))
    this.watches.add(watch)
    call.run(this.door.server.ready, (exit) => {
      if (Exit.isSuccess(exit)) {
        watch.tell(exit.value)
        this.wake.openUnsafe()
      } else unsuccessful(call, exit.cause)
    })
  }

  private sweep(): void {
    for (const watch of this.watches) if (watch.call.settled) this.watches.delete(watch)
    if (this.watches.size === 0) this.wake.closeUnsafe()
  }

  private look(ready: boolean): void {
    const stopping = this.door.server.stopping()
    for (const watch of this.watches) {
      if (stopping || watch.call.closing) {
        // The end of the server does not wait for watches.
        watch.tell(false)
        watch.call.failure(shuttingDown())
      } else watch.tell(ready)
    }
    this.sweep()
  }

  get loop(): Effect.Effect<never> {
    return this.wake.await.pipe(
      Effect.andThen(Effect.sleep(this.options.watchIntervalMillis)),
      Effect.andThen(this.door.server.ready),
      Effect.andThen((ready) => Effect.sync(() => this.look(ready))),
      Effect.forever
    )
  }
}

const common = { category: "health", counted: false } as const

/**
 * The procedures by their paths. Watches are told of changes as long as the scope is open, so it must close after the listener has.
 *
 * @internal
 */
export const make = (
  { server }: Pick<Door, "server">,
  options: Options
): Effect.Effect<ReadonlyArray<readonly [path: string, rpc: Rpc]>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const watches = new Watches({ server }, options)
    yield* Effect.forkScoped(watches.loop)
    const rpcs: Readonly<Record<(typeof Fields.HealthService.rpcs)[number]["name"], Rpc>> = {
      Check: unary({
        ...common,
        request: Fields.HealthCheckRequest,
        response: Fields.HealthCheckResponse,
        // The gRPC protocol wants NOT_FOUND for a service that is not registered. Triton registers none and answers for the
        // server whatever the name; probes that give a name of their own have always worked with it, and must go on to.
        answer: (_, call) => call.answerWith(server.ready, (ready) => call.reply({ status: statusOf(ready) }))
      }),
      List: unary({
        ...common,
        request: Fields.HealthListRequest,
        response: Fields.HealthListResponse,
        answer: (_, call) =>
          call.answerWith(server.ready, (ready) => {
            const status = { status: statusOf(ready) }
            call.reply({ statuses: Object.fromEntries(["", ...options.services].map((name) => [name, status])) })
          })
      }),
      Watch: {
        category: "health",
        serve: (call) =>
          call.receiveOne((message) => {
            const request = WireFormat.decode(Fields.HealthCheckRequest, message)
            if (Result.isFailure(request)) return call.failure(malformed())
            watches.begin(call, request.success.service)
          }, false)
      }
    }
    return Fields.HealthService.rpcs.map((rpc) => [rpcPath(Fields.HealthService, rpc), rpcs[rpc.name]] as const)
  })
