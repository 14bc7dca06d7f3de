/** The thread of one front, seen from main. */
import { Deferred, Effect } from "effect"
import { Worker } from "node:worker_threads"
import { ListenFailed } from "../../../../schema/Errors.ts"
import { type Bound, type Endpoint, listenFailed } from "../Bind.ts"
import { FrontDoor, type Options as DoorOptions } from "./FrontDoor.ts"
import type { FrontStart } from "./FrontStart.ts"
import { type FromFront, ringBytes, type ToFront } from "./Records.ts"
import { RelayedSocket } from "./RelayedSocket.ts"
import { allocate } from "./Ring.ts"

/** @internal */
export interface Options extends Pick<DoorOptions, "defect" | "memory" | "need" | "serve"> {
  readonly endpoint: Endpoint
  readonly start: Pick<FrontStart, "http" | "index" | "listens" | "maxConnections" | "seats">
  /** Serves a connection that the front does not. */
  readonly relayed: (socket: RelayedSocket) => void
}

/** Megabytes of objects of a front: what it holds of requests and answers lies outside of its heap. */
const heapMegabytes = { old: 256, young: 16 } as const

const file = new URL(
  import.meta.url.endsWith(".ts") ? "./worker/FrontWorker.ts" : "./worker/FrontWorker.js",
  import.meta.url
)

/** @internal */
export class FrontThread {
  readonly door: FrontDoor
  /** Why it ended. */
  readonly ended = Deferred.makeUnsafe<string>()
  private readonly options: Options
  private readonly worker: Worker
  /** It accepts connections, or is about to. */
  listens: boolean
  /** Whether its thread runs. */
  isAlive = true
  private readonly opened = Deferred.makeUnsafe<Bound, ListenFailed>()
  private readonly begun = Deferred.makeUnsafe<void, ListenFailed>()
  private readonly finished = Deferred.makeUnsafe<void>()
  private failure: string | undefined = undefined

  constructor(options: Options) {
    this.options = options
    const { endpoint, start } = options
    this.listens = start.listens
    const up = allocate(ringBytes)
    const down = allocate(ringBytes)
    const data: FrontStart = { ...start, address: endpoint.address, port: endpoint.port, up, down }
    const worker = this.worker = new Worker(file, {
      name: "galatea-front",
      workerData: data,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytes.old, maxYoungGenerationSizeMb: heapMegabytes.young }
    })
    this.door = new FrontDoor({
      up,
      down,
      post: (message: ToFront | 0) => worker.postMessage(message),
      memory: options.memory,
      serve: options.serve,
      need: options.need,
      defect: options.defect
    })
    worker.on("message", (message: FromFront | 0) => {
      if (message === 0) this.door.rung()
      else this.told(message)
    })
    worker.on("error", (error: unknown) => {
      this.failure = error instanceof Error ? error.message : String(error)
    })
    worker.once("exit", (code) => this.exited(this.failure ?? `its thread ended with code ${code}`))
  }

  private told(message: FromFront): void {
    switch (message._tag) {
      case "Spare":
        Deferred.doneUnsafe(this.begun, Effect.void)
        return
      case "Listening":
        Deferred.doneUnsafe(this.begun, Effect.void)
        Deferred.doneUnsafe(this.opened, Effect.succeed({ address: message.address, port: message.port }))
        return
      case "Refused":
        return this.failed(listenFailed(this.options.endpoint, { code: message.code, message: message.message }))
      case "Finished":
        Deferred.doneUnsafe(this.finished, Effect.void)
        return
      case "Relay":
        return this.options.relayed(new RelayedSocket(message.port, message.wire))
      case "Defect":
        return this.options.defect(new Error(message.text))
    }
  }

  /** It does not begin, or does not listen. */
  private failed(error: ListenFailed): void {
    Deferred.doneUnsafe(this.begun, Effect.fail(error))
    Deferred.doneUnsafe(this.opened, Effect.fail(error))
  }

  private exited(reason: string): void {
    this.isAlive = false
    this.door.close()
    this.failed(
      new ListenFailed({
        code: "INTERNAL",
        message: `failed to start ${this.options.endpoint.service} service: Internal - a front end: ${reason}`
      })
    )
    Deferred.doneUnsafe(this.finished, Effect.void)
    Deferred.doneUnsafe(this.ended, Effect.succeed(reason))
  }

  /** Waits until it runs, and listens if it is to. */
  get started(): Effect.Effect<void, ListenFailed> {
    return Deferred.await(this.begun)
  }

  /** Waits until it listens. */
  get listening(): Effect.Effect<Bound, ListenFailed> {
    return Deferred.await(this.opened)
  }

  /** Lets a spare one listen. */
  open(): void {
    this.listens = true
    this.worker.postMessage({ _tag: "Listen" } satisfies ToFront)
  }

  /** Lets it send what it has for up to so many milliseconds, and ends it. */
  finish(millis: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.worker.postMessage({ _tag: "Finish" } satisfies ToFront)
      return Effect.andThen(Effect.timeoutOption(Deferred.await(this.finished), millis), this.stop)
    })
  }

  /** Ends it at once. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    this.worker.terminate().catch(() => {})
    return Effect.asVoid(Deferred.await(this.ended))
  })
}
