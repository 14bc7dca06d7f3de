/**
 * Metrics over HTTP, on a port of their own.
 *
 * Upstream: a monitoring system. Downstream: `Metrics`.
 *
 * Source: protocol §6.
 */
import { Context, Duration, Effect, Layer, type Scope } from "effect"
import type { ListenFailed } from "../../schema/Errors.ts"
import { Metrics } from "../../services/Metrics.ts"
import * as Listener from "./internal/http/Listener.ts"
import * as OpenMetricsAccepted from "./internal/http/OpenMetricsAccepted.ts"
import { InFlight } from "./internal/InFlight.ts"

/** @category models */
export interface Options {
  /** Address to listen on. Default `0.0.0.0`. */
  readonly address?: string
  /** Port to listen on; 0: a free one, see `MetricsFrontend.port`. Default 8002. */
  readonly port?: number
}

/** The running front end. @category services */
export class MetricsFrontend extends Context.Service<MetricsFrontend, {
  /** The address that it listens on. */
  readonly address: string
  /** The port that it listens on. */
  readonly port: number
}>()("galatea/layers/frontend/MetricsFrontend") {}

/** Whoever scrapes needs one connection and sends no body. */
const limits = {
  reusePort: false,
  maxConnections: 256,
  maxConcurrentStreams: 16,
  maxHeaderSize: 16 * 1024,
  headerTimeout: 10_000,
  bodyTimeout: Duration.toMillis("60 seconds"),
  requestTimeout: Duration.toMillis("60 seconds"),
  idleTimeout: Duration.toMillis("75 seconds"),
  awake: 0,
  exitTimeout: Duration.toMillis("1 second"),
  exitReceiveTimeout: 0
}

const isMetrics = (target: string): boolean => /^(?:[a-z]+:\/\/[^/]*)?\/metrics\/?(?:\?|$)/i.test(target)

const make: (
  options: Options
) => Effect.Effect<MetricsFrontend["Service"], ListenFailed, Metrics | Scope.Scope> = Effect.fn("MetricsFrontend.make")(
  function*(options: Options) {
    const { exposition, openMetrics } = yield* Metrics
    return yield* Listener.listen({
      ...limits,
      service: "Metrics",
      address: options.address ?? "0.0.0.0",
      port: options.port ?? 8002,
      inFlight: new InFlight({ protocol: "http", maxRequests: 256, maxBytes: 0, maxRequestBytes: 0 })
    }, (call) => {
      if (call.request.method !== "GET") {
        return call.error(405, "Method Not Allowed", call.contentType, ["Allow", "GET"])
      }
      if (!isMetrics(call.request.url!)) return call.empty(200)
      if (OpenMetricsAccepted.by(call.request.headers.accept)) {
        return call.answerWith(openMetrics, (text) => call.text(OpenMetricsAccepted.contentType, text))
      }
      call.answerWith(exposition, (text) => call.text("text/plain; charset=utf-8", text))
    })
  }
)

/**
 * Listens while its scope is open: `/metrics` has the metrics, as OpenMetrics where `Accept` prefers it and else in Prometheus' text
 * format, and any other path an empty answer. Errors: `ListenFailed` where the
 * address or the port cannot be had.
 *
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<MetricsFrontend, ListenFailed, Metrics> =>
  Layer.effect(MetricsFrontend, make(options))
