/** A server in this process that is asked over HTTP, with what it writes and the spans that it makes. */
import { Context, Effect, Exit, Layer, Option, Scope, Tracer } from "effect"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { HttpFrontend } from "../../../src/layers/frontend/HttpFrontend.ts"
import * as Server from "../../../src/layers/Server.ts"
import { parse } from "../../../src/schema/options/OptionsParser.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import { doubling, ensemble } from "../../repository/ensemble/Configs.ts"
import * as Traces from "../../telemetry/tracefile/Traces.ts"
import { folder } from "../cli/Child.ts"
import { ask, eventually } from "../http/Wire.ts"

const simple = { "config.pbtxt": "max_batch_size: 8", 1: { "model.onnx": Models.simple() } }

/** What a client sends: two tensors of `simple`, or the one of `whole`. */
const body = (model: string, id: string) =>
  JSON.stringify({
    id,
    inputs: (model === "whole" ? ["IN"] : ["INPUT0", "INPUT1"]).map((name, i) => ({
      name,
      datatype: "INT32",
      shape: [1, 16],
      data: Array.from({ length: 16 }, (_, at) => at + i)
    }))
  })

export const start = Effect.fnUntraced(function*(...settings: ReadonlyArray<string>) {
  const directory = yield* Traces.folder
  const path = join(directory, "trace.json")
  const root = yield* folder({
    simple,
    other: simple,
    whole: {
      "config.pbtxt": ensemble({ steps: [doubling("simple", "IN", "mid"), doubling("other", "mid", "OUT")] }),
      1: {}
    }
  })
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const words = settings.map((setting) => `--trace-config=${setting.replace("FILE", path)}`)
  const { options } = yield* Effect.fromResult(parse(words, {}))
  const scope = yield* Scope.make()
  const context = yield* Layer.build(
    Server.layer({
      ...options,
      modelRepository: [root],
      httpPort: 0,
      httpAddress: "127.0.0.1",
      allowGrpc: false,
      allowMetrics: false
    })
  ).pipe(
    Scope.provide(scope),
    Effect.provideService(Tracer.Tracer, settings.includes("mode=opentelemetry") ? tracer : Tracer.nativeTracer)
  )
  const loading = spans.length
  const { port } = Option.getOrThrow(Context.getOption(context, HttpFrontend))
  return {
    directory,
    path,
    files: () => readdirSync(directory).toSorted(),
    /** Spans of what came after the start, as far as they are over. */
    spans: () => spans.slice(loading).filter(({ status }) => status._tag === "Ended"),
    /** So many requests, one after the other. */
    send: Effect.fnUntraced(function*(count: number, model = "simple", headers: Record<string, string> = {}) {
      for (let i = 0; i < count; i++) {
        const answer = yield* ask(port, `/v2/models/${model}/infer`, {
          method: "POST",
          body: body(model, `r${i}`),
          headers
        })
        if (answer.status !== 200) return yield* Effect.die(new Error(answer.text))
      }
    }),
    /** Changes the settings of all, or of a model, and gives what is in force then. */
    set: (change: unknown, model?: string) =>
      Effect.map(
        ask(port, model === undefined ? "/v2/trace/setting" : `/v2/models/${model}/trace/setting`, {
          method: "POST",
          body: JSON.stringify(change)
        }),
        ({ text }) => JSON.parse(text) as Readonly<Record<string, string>>
      ),
    end: Scope.close(scope, Exit.void)
  }
})

export { eventually }
