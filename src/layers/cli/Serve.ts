/** `galatea serve`: starts the server, tells how that goes, and ends it on a signal. */
import { Cause, Effect, Layer, Option, Result, type Scope } from "effect"
import * as Context from "effect/Context"
import { flushCompileCache } from "node:module"
import { type Code, codes } from "../../schema/Errors.ts"
import type { Parsed } from "../../schema/options/OptionsParser.ts"
import type { ServerOptions } from "../../schema/ServerOptions.ts"
import { InferenceServer } from "../../services/InferenceServer.ts"
import type { IndexEntry, LoadEvent, Model } from "../../services/ModelRepository.ts"
import { GrpcFrontend } from "../frontend/GrpcFrontend.ts"
import { HttpFrontend } from "../frontend/HttpFrontend.ts"
import { MetricsFrontend } from "../frontend/MetricsFrontend.ts"
import { trimHeap, TrimSchedule } from "../HeapTrim.ts"
import { CliFailure } from "./CliFailure.ts"
import * as CurlCommands from "./internal/CurlCommands.ts"
import * as Farewell from "./internal/Farewell.ts"
import { type Output, styles } from "./internal/Output.ts"
import * as Progress from "./internal/Progress.ts"
import * as LogLines from "./LogLines.ts"
import type { Shutdown } from "./Shutdown.ts"

/** An address that the server listens at. @category models */
export interface Endpoint {
  /** As the log names it: `HTTPService`, `GRPCInferenceService`, `Metrics Service`. */
  readonly service: string
  /** As people call it. */
  readonly protocol: "HTTP" | "admin" | "gRPC" | "metrics"
  readonly address: string
  /** The port in use, also where the option said 0. */
  readonly port: number
  /** A URL of it begins with `https`. */
  readonly secure: boolean
}

/** What the server tells while it starts, and when it begins to end. @category models */
export interface Hooks {
  readonly onEvent: (event: LoadEvent) => Effect.Effect<void>
  /** Runs when the models are loaded, before anything listens. */
  readonly onLoaded?: Effect.Effect<void>
  /** Runs when a server that was started begins to end, and is not ready any more. */
  readonly onDeparture?: Effect.Effect<void>
}

/** Why the server did not start; `message` is one or more sentences for the operator. @category models */
export interface StartFailure {
  readonly _tag: string
  readonly message: string
  readonly code: Code
}

/**
 * The whole server: its door, with front ends that listen until the layer's scope closes. A front end that is there as a
 * service too tells where it listens.
 *
 * @category models
 */
export type ServerLayer = (options: ServerOptions, hooks: Hooks) => Layer.Layer<InferenceServer, StartFailure>

/**
 * What others are told of the server while it runs: traces, metrics and logs. It is there before the server, and after it.
 *
 * @category models
 */
export type TelemetryLayer = (
  options: ServerOptions,
  variables: Environment["variables"]
) => Layer.Layer<never, { readonly message: string }>

/** @category models */
export interface Environment {
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly output: Output
  readonly shutdown: Shutdown
  readonly server: ServerLayer
  readonly telemetry: TelemetryLayer
}

/** The options with the plain words of the command line as further repositories. @category conversions */
export const withOperands = ({ operands, options }: Parsed): ServerOptions => ({
  ...options,
  modelRepository: [...options.modelRepository, ...operands]
})

/** Options of the log of a command. @category conversions */
export const logOptions = (
  server: ServerOptions,
  environment: Pick<Environment, "variables" | "output">
): LogLines.Options => ({
  server,
  output: environment.output,
  escape: environment.variables["TRITON_SERVER_ESCAPE_LOG_MESSAGES"] !== "0"
})

const noRepository = "error: creating server: Invalid argument - --model-repository must be specified\n"
  + "Name a folder of models, or one model: galatea serve ./models, galatea serve model.onnx\n"

/** What to do about it, where there is something. */
const advice: Readonly<Record<string, string>> = {
  "ListenFailed UNAVAILABLE":
    "Choose another port with --http-port, --grpc-port, --metrics-port or --admin-port, or address with --http-address, "
    + "--grpc-address, --metrics-address or --admin-address.\n",
  "ModelsNotLoaded INTERNAL": "To serve the models that load in spite of that: --exit-on-error=false\n"
}

const describe = ({ _tag, code, message }: StartFailure): string =>
  `error: ${_tag === "ListenFailed" ? message : `creating server: ${codes[code].prefix} - ${message}`}\n${
    advice[`${_tag} ${code}`] ?? ""
  }`

const hostAndPort = ({ address, port }: Endpoint): string => {
  const host = address === "0.0.0.0" || address === "::" || address === "" ? "localhost" : address
  return `${host.includes(":") ? `[${host}]` : host}:${port}`
}

const baseUrl = (endpoint: Endpoint): string => `${endpoint.secure ? "https" : "http"}://${hostAndPort(endpoint)}`

/** What a client is told: gRPC's take a name and a port, without a scheme. */
const targetOf = (endpoint: Endpoint): string => {
  switch (endpoint.protocol) {
    case "HTTP":
    case "admin":
      return baseUrl(endpoint)
    case "gRPC":
      return hostAndPort(endpoint)
    case "metrics":
      return `${baseUrl(endpoint)}/metrics`
  }
}

const readyModels = (
  { repository }: InferenceServer["Service"],
  index: ReadonlyArray<IndexEntry>
): ReadonlyArray<Model> =>
  index.flatMap(({ name, state, version }) =>
    state === "READY" && version !== undefined
      ? Option.toArray(Result.getSuccess(repository.lookup(name, version)))
      : []
  )

/** Logs what is still in flight, once per second, from the moment the server begins to end until `scope` closes. */
const reportInFlight = Effect.fnUntraced(function*(server: InferenceServer["Service"], scope: Scope.Scope) {
  yield* Effect.addFinalizer(Effect.fnUntraced(function*() {
    const models = readyModels(server, yield* server.repository.index)
    const report = Effect.forEach(models, ({ name, scheduler, version }) => {
      const { running, waiting } = scheduler.depth()
      return running + waiting === 0
        ? Effect.void
        : Effect.logInfo(`Model '${name}' (version ${version}) has ${running + waiting} in-flight inferences`)
    }, { discard: true })
    yield* Effect.forkIn(Effect.forever(Effect.andThen(report, Effect.sleep("1 second"))), scope)
  }))
})

/** What is served where, and what to type next. */
const greeting = (
  output: Output,
  endpoints: ReadonlyArray<Endpoint>,
  models: ReadonlyArray<Model>,
  index: ReadonlyArray<IndexEntry>
): string => {
  const style = styles(output)
  const places = endpoints.map((endpoint) =>
    `${endpoint.protocol} at ${style.bold(targetOf(endpoint))} (${endpoint.address}:${endpoint.port})`
  )
  if (endpoints.every(({ protocol }) => protocol === "metrics")) {
    const others = places.length === 0 ? "" : ` Listening for ${places.join(", ")}.`
    return `\nNot listening for requests: --allow-http=false and --allow-grpc=false.${others}\n`
  }
  const http = endpoints.find(({ protocol }) => protocol === "HTTP")
  if (http === undefined) return `\nListening for ${places.join(", ")}\n`
  const commands = CurlCommands.commands(baseUrl(http), models, index.find(({ state }) => state === "READY")?.name)
  return `\nListening for ${places.join(", ")}\n\nTry:\n${commands.map((command) => `  ${command}\n`).join("")}\n`
}

/** Gives back the memory that loading models has used: soon after the start, and now and then where models come and go. */
const trimAfterLoads = Effect.fnUntraced(function*(
  frontends: ReadonlyArray<{ readonly inFlight: () => { readonly requests: number } }>,
  loads: () => number
) {
  const schedule = new TrimSchedule()
  const trim = Effect.sync(() => {
    const flavor = schedule.due(loads(), frontends.every(({ inFlight }) => inFlight().requests === 0))
    if (flavor !== undefined) trimHeap(flavor)
  })
  yield* Effect.sleep("1 second")
  // Where the launcher keeps compiled code, a server that will be killed leaves it for the next start too.
  yield* Effect.sync(flushCompileCache)
  return yield* Effect.forever(Effect.andThen(trim, Effect.sleep("10 seconds")))
})

const start = Effect.fnUntraced(function*(
  options: ServerOptions,
  environment: Environment,
  outer: Scope.Scope,
  farewell: Farewell.Farewell
) {
  const output = LogLines.saying(options, environment.output)
  const people = options.logInfo && !LogLines.isStructured(options)
  const started = performance.now()
  const progress = yield* Progress.make(output, { logAlways: options.logFile !== "" })
  let loads = 0
  const onEvent = (event: LoadEvent) => {
    if (event._tag === "Ready") loads++
    return progress.onEvent(event)
  }
  const hooks: Hooks = {
    onEvent,
    // Nobody waits for an answer yet, and most of the heap is what loading modules and models has left.
    onLoaded: Effect.sync(() => trimHeap()),
    onDeparture: farewell.departed
  }
  const context = yield* Layer.build(environment.server(options, hooks)).pipe(
    Effect.catch((failure: StartFailure) =>
      Effect.gen(function*() {
        yield* progress.done
        const table = progress.summary(undefined)
        if (table !== undefined && people) {
          output.out(`${output.rich ? "\n" : ""}${table}\n`)
        }
        return yield* new CliFailure({ message: describe(failure) })
      })
    )
  )
  farewell.started()
  yield* progress.done
  const server = Context.get(context, InferenceServer)
  const endpoints: ReadonlyArray<Endpoint> = [
    ...Option.toArray(Context.getOption(context, HttpFrontend)).flatMap(({ address, admin, port, secure }) => [
      { service: "HTTPService", protocol: "HTTP" as const, address, port, secure },
      ...(admin === undefined ? [] : [{ service: "Admin Service", protocol: "admin" as const, ...admin, secure }])
    ]),
    ...Option.toArray(Context.getOption(context, GrpcFrontend)).map(({ address, port }) => ({
      service: "GRPCInferenceService",
      protocol: "gRPC" as const,
      address,
      port,
      secure: false
    })),
    ...Option.toArray(Context.getOption(context, MetricsFrontend)).map(({ address, port }) => ({
      service: "Metrics Service",
      protocol: "metrics" as const,
      address,
      port,
      secure: false
    }))
  ]
  yield* reportInFlight(server, outer)
  for (const { address, port, service } of endpoints) {
    yield* output.rich && options.logFile === ""
      ? Effect.void
      : Effect.logInfo(`Started ${service} at ${address}:${port}`)
  }
  yield* Effect.logDebug(`ready after ${Math.round(performance.now() - started)} ms`)
  if (people) {
    const index = yield* server.repository.index
    const models = readyModels(server, index)
    output.out(`${output.rich ? "\n" : ""}${progress.summary(index) ?? "No models found.\n"}`)
    output.out(greeting(output, endpoints, models, index))
  }
  const frontends = [
    ...Option.toArray(Context.getOption(context, HttpFrontend)),
    ...Option.toArray(Context.getOption(context, GrpcFrontend))
  ]
  const allLoads = () => loads + (server.repository.residency?.().loads ?? 0)
  yield* Effect.forkScoped(trimAfterLoads(frontends, allLoads))
  return yield* Effect.never
})

/** Longest time of a timer, in milliseconds. */
const maxTimer = 2147483647

/** Runs until a signal; fails with `CliFailure` when the server cannot start. @category commands */
export const serve = (parsed: Parsed, environment: Environment): Effect.Effect<void, CliFailure> => {
  const options = withOperands(parsed)
  const { shutdown } = environment
  const output = LogLines.saying(options, environment.output)
  const program = Effect.scoped(Effect.gen(function*() {
    for (const warning of parsed.warnings) {
      yield* Effect.logWarning(warning)
    }
    if (options.modelRepository.length === 0 && options.exitOnError) {
      return yield* new CliFailure({ message: noRepository })
    }
    const farewell = Farewell.make(options, output)
    yield* shutdown.arm({
      timeoutMillis: Math.min(maxTimer, options.exitDrainMs + options.exitTimeoutSecs * 1000),
      onSignal: farewell.signalled,
      onTimeout: () => output.err("Exit timeout expired. Exiting immediately.\n")
    })
    const outer = yield* Effect.scope
    return yield* Effect.scoped(start(options, environment, outer, farewell))
  }))
  const telemetry = environment.telemetry(options, environment.variables).pipe(
    Layer.catch(({ message }) => Layer.effectDiscard(new CliFailure({ message: `error: ${message}\n` })))
  )
  return program.pipe(
    Effect.provide(telemetry.pipe(Layer.provideMerge(LogLines.layer(logOptions(options, environment))))),
    Effect.onExit((exit) =>
      Effect.sync(() => {
        // The live lines must not outlive a defect either.
        if (exit._tag === "Failure" && !Cause.hasInterruptsOnly(exit.cause)) {
          output.live([])
        }
      })
    )
  )
}
