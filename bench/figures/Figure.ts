/** What a figure is, and how one is measured beside a yardstick. */
import { drive, type Outcome } from "../load.ts"
import * as models from "../models.ts"
import type * as requests from "../requests.ts"
import { yardstick } from "../server.ts"

/** One repetition: the server's value, the yardstick's, and what is compared with the goal. */
export interface Measured {
  readonly value: number
  readonly beside: number
  readonly ratio: number
}

export interface Figure {
  readonly name: string
  readonly unit: string
  readonly goal: string
  readonly reached: (ratio: number) => boolean
  readonly measure: () => Promise<Measured>
}

/** What the figures of one server share. */
export interface Context {
  /** Seconds of each load. */
  readonly seconds: number
  /** Base URL of the server. */
  readonly url: () => string
  readonly grpcPort: () => number
}

export const atLeast = (goal: number) => (ratio: number): boolean => ratio >= goal

/** The load of a model, after a second of it to warm up. */
export const load = async (
  { seconds, url }: Context,
  model: string,
  request: requests.BinaryRequest,
  connections: number
): Promise<Outcome> => {
  const target = `${url()}/v2/models/${model}/infer`
  await drive({ ...request, url: target, connections, seconds: 1 })
  return drive({ ...request, url: target, connections, seconds })
}

/** The server and the echo of the same sizes, one after the other. */
export const besideEcho = async (
  context: Context,
  model: string,
  request: requests.BinaryRequest,
  connections: number
): Promise<{ readonly server: Outcome; readonly echo: Outcome }> => {
  const sample = await fetch(`${context.url()}/v2/models/${model}/infer`, {
    method: "POST",
    body: Buffer.from(request.body),
    headers: request.headers
  })
  const bytes = (await sample.arrayBuffer()).byteLength
  if (sample.status !== 200) throw new Error(`${model} answered ${sample.status}`)
  const echo = await yardstick("echo.ts", [String(bytes)])
  try {
    const url = `http://127.0.0.1:${echo.line}/`
    await drive({ ...request, url, connections, seconds: 1 })
    return {
      echo: await drive({ ...request, url, connections, seconds: context.seconds }),
      server: await load(context, model, request, connections)
    }
  } finally {
    echo.stop()
  }
}

/** Requests per second beside those of the echo. */
export const throughput =
  (context: Context, model: string, request: requests.BinaryRequest, connections: number) =>
  async (): Promise<Measured> => {
    const { echo, server } = await besideEcho(context, model, request, connections)
    return { value: server.perSecond, beside: echo.perSecond, ratio: server.perSecond / echo.perSecond }
  }

/** Two loads in turns, so that a minute that gets slower or faster is no advantage of either. */
export const inTurns = async (
  value: () => Promise<Outcome>,
  beside: () => Promise<Outcome>
): Promise<Measured> => {
  const [b1, v1, v2, b2] = [await beside(), await value(), await value(), await beside()]
  const mean = (one: Outcome, other: Outcome) => (one.perSecond + other.perSecond) / 2
  return { value: mean(v1, v2), beside: mean(b1, b2), ratio: mean(v1, v2) / mean(b1, b2) }
}

/** Requests per second of one model beside those of another on the same server. */
export const besideModel =
  (context: Context, model: string, other: string, request: requests.BinaryRequest, connections: number) =>
  (): Promise<Measured> => {
    const half = { ...context, seconds: context.seconds / 2 }
    return inTurns(() => load(half, model, request, connections), () => load(half, other, request, connections))
  }

/** Rows per second of ONNX Runtime alone, `sessions` sessions with `intraOp` threads each, in batches of `batch`. */
export const ortAlone = async (
  seconds: number,
  path: string,
  sessions: number,
  intraOp: number,
  batch = 1
): Promise<number> => {
  const { line } = await yardstick("ort.ts", [
    path,
    String(sessions),
    String(intraOp),
    String(seconds),
    models.resnetInput,
    [batch, ...models.resnetShape.slice(1)].join("x")
  ])
  return Number(line) * batch
}
