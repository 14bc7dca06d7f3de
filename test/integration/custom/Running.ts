/** Servers with custom models in this process, and requests to them over HTTP. */
import { Context, Effect, Layer, Option } from "effect"
import { HttpFrontend } from "../../../src/layers/frontend/HttpFrontend.ts"
import * as Server from "../../../src/layers/Server.ts"
import type { ServerOptions } from "../../../src/schema/ServerOptions.ts"
import * as Child from "../cli/Child.ts"

/** A server of a folder. */
export const serve = Effect.fnUntraced(function*(folder: string, options: Partial<ServerOptions> = {}) {
  const context = yield* Layer.build(Server.layer({
    httpAddress: "127.0.0.1",
    httpPort: 0,
    allowGrpc: false,
    allowMetrics: false,
    ...options,
    modelRepository: [folder]
  }))
  return `http://127.0.0.1:${Option.getOrThrow(Context.getOption(context, HttpFrontend)).port}`
})

/** A server of these models. */
export const start = Effect.fnUntraced(function*(models: Child.Files, options: Partial<ServerOptions> = {}) {
  return yield* serve(yield* Child.folder(models), options)
})

/** A custom model of one version. */
export const model = (config: string, source: string, files: Child.Files = {}): Child.Files => ({
  "config.pbtxt": `platform: "custom"\n${config}`,
  "1": { "model.ts": source, ...files }
})

const tensors = (kind: "input" | "output", list: ReadonlyArray<readonly [string, string, string]>) =>
  `${kind} [ ${
    list.map(([name, type, dims]) => `{ name: "${name}" data_type: ${type} dims: [ ${dims} ] }`).join(", ")
  } ]\n`

/** A config with one input X and one output Y, of FP32 rows of one number. */
export const numbers = tensors("input", [["X", "TYPE_FP32", "1"]]) + tensors("output", [["Y", "TYPE_FP32", "1"]])

export interface Answer {
  readonly status: number
  readonly error: string | undefined
  readonly outputs: Readonly<Record<string, ReadonlyArray<unknown>>>
  readonly parameters: Readonly<Record<string, unknown>>
}

/** The answer to one number, or to as many rows of one. */
export const infer = (
  url: string,
  name: string,
  values: number | ReadonlyArray<number>,
  rest: { readonly parameters?: Readonly<Record<string, unknown>>; readonly rank?: 1 | 2; readonly input?: string } = {}
): Effect.Effect<Answer> =>
  Effect.promise(async () => {
    const data = typeof values === "number" ? [values] : values
    const shape = rest.rank === 1 ? [data.length] : [data.length, 1]
    const response = await fetch(`${url}/v2/models/${name}/infer`, {
      method: "POST",
      body: JSON.stringify({
        inputs: [{ name: rest.input ?? "X", datatype: "FP32", shape, data }],
        ...(rest.parameters === undefined ? {} : { parameters: rest.parameters })
      })
    })
    const body = await response.json() as {
      readonly error?: string
      readonly outputs?: ReadonlyArray<{ readonly name: string; readonly data: ReadonlyArray<unknown> }>
      readonly parameters?: Readonly<Record<string, unknown>>
    }
    return {
      status: response.status,
      error: body.error,
      outputs: Object.fromEntries((body.outputs ?? []).map(({ data, name }) => [name, data])),
      parameters: body.parameters ?? {}
    }
  })

/** One step of a sequence. */
export const step = (
  url: string,
  name: string,
  id: number | string,
  value: number,
  flags: { readonly start?: boolean; readonly end?: boolean } = {}
) =>
  infer(url, name, value, {
    parameters: {
      sequence_id: id,
      ...(flags.start === true ? { sequence_start: true } : {}),
      ...(flags.end === true ? { sequence_end: true } : {})
    }
  })

/** Asks again until the answer is the one that is waited for. */
export const until = <A>(ask: Effect.Effect<A>, isIt: (answer: A) => boolean): Effect.Effect<A> =>
  Effect.flatMap(
    ask,
    (answer) => isIt(answer) ? Effect.succeed(answer) : Effect.delay(until(ask, isIt), "20 millis")
  )
