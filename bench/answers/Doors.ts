/** Every way in to a server, each with clients of its own that check what they are answered. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { Socket } from "effect/socket"
import { connect } from "../../src/client/Client.ts"
import { connectGrpc } from "../../src/client/GrpcClient.ts"
import type { StreamingClient } from "../../src/client/InferenceClient.ts"
import { connectRpc } from "../../src/client/Rpc.ts"
import { InferenceClient, layer } from "../../src/client/RpcClient.ts"
import type { Started } from "../server.ts"
import type { Draws } from "./Draws.ts"
import { numbers, type Outputs, type Question, question, step } from "./Models.ts"
import * as Raw from "./Raw.ts"

/** How many answers were looked at, and what was wrong with one. */
export interface Seen {
  readonly answers: number
  readonly wrong: string | undefined
}

/** A client that goes on asking. */
export interface Visitor {
  readonly visit: (draws: Draws) => Promise<Seen>
  readonly close: () => unknown
}

/** A way in; each visitor asks one thing after the other. */
export interface Door {
  readonly name: string
  readonly visitors: number
  readonly open: (server: Started) => Promise<Visitor> | Visitor
}

type Asked = Pick<StreamingClient, "infer">

const askOne = async (client: Asked, { inputs, model, problem }: Question): Promise<Seen> => {
  const { outputs } = await client.infer(model, inputs)
  return { answers: 1, wrong: problem(outputs as Outputs) }
}

const byClient = (
  name: string,
  visitors: number,
  open: (server: Started) => Asked & { readonly close: () => unknown },
  ask = question
): Door => ({
  name,
  visitors,
  open: (server) => {
    const client = open(server)
    return { visit: (draws) => askOne(client, ask(draws)), close: () => client.close() }
  }
})

let lastSequence = 1_000

/** Whole sequences over HTTP, which share batches with those of other visitors. */
const sequences: Door = {
  name: "sequences over HTTP",
  visitors: 6,
  open: ({ url }) => {
    const client = connect(url)
    return {
      visit: async (draws) => {
        const id = ++lastSequence
        const length = 2 + draws.below(12)
        let sum: Int32Array = new Int32Array(16)
        for (let i = 0; i < length; i++) {
          const next = step(draws, sum)
          const { inputs, model, problem } = next.question
          const { outputs } = await client.infer(model, inputs, {
            sequence: { id, start: i === 0, end: i === length - 1 }
          })
          const wrong = problem(outputs as Outputs)
          if (wrong !== undefined) return { answers: i + 1, wrong: `step ${i}: ${wrong}` }
          sum = next.sum
        }
        return { answers: length, wrong: undefined }
      },
      close: () => client.close()
    }
  }
}

const grpcStreams: Door = {
  name: "streams of gRPC",
  visitors: 3,
  open: ({ grpcPort }) => {
    const client = connectGrpc(`127.0.0.1:${grpcPort}`)
    return {
      visit: async (draws) => {
        const { model } = numbers(draws)
        const questions: Array<Question> = []
        while (questions.length < 8) {
          const next = numbers(draws)
          if (next.model === model) questions.push(next)
        }
        const requests = questions.map(({ inputs }, i) => ({ inputs, options: { id: String(i) } }))
        let answers = 0
        for await (const { id, outputs } of client.stream(model, requests)) {
          answers++
          const wrong = questions[Number(id)]!.problem(outputs as Outputs)
          if (wrong !== undefined) return { answers, wrong }
        }
        return {
          answers,
          wrong: answers === questions.length ? undefined : `${answers} answers to ${questions.length}`
        }
      },
      close: () => client.close()
    }
  }
}

/** Many calls at a time on one WebSocket. */
const webSocket: Door = {
  name: "RPC over WebSocket",
  visitors: 2,
  open: ({ port }) => {
    const protocol = RpcClient.layerProtocolSocket().pipe(
      Layer.provide(Socket.layerWebSocket(`ws://127.0.0.1:${port}/rpc`)),
      Layer.provide(Socket.layerWebSocketConstructorGlobal),
      Layer.provide(RpcSerialization.layerSchemaBinary({ maxFrameSize: "unbounded" }))
    )
    const runtime = ManagedRuntime.make(layer().pipe(Layer.provide(protocol)))
    return {
      visit: async (draws) => {
        const client = await runtime.runPromise(InferenceClient)
        const seen = await Promise.all(
          Array.from({ length: 1 + draws.below(6) }, () =>
            askOne({
              infer: (model, inputs) => Effect.runPromise(client.infer(model, inputs))
            } as Asked, question(draws)))
        )
        return {
          answers: seen.length,
          wrong: seen.find(({ wrong }) => wrong !== undefined)?.wrong
        }
      },
      close: () => runtime.dispose()
    }
  }
}

const pieces: Door = {
  name: "HTTP/1.1 in pieces, pipelined",
  visitors: 8,
  open: async ({ port }) => {
    const connection = await Raw.pipeline(port)
    return {
      visit: async (draws) => {
        const questions = Array.from({ length: 1 + draws.below(4) }, () => numbers(draws))
        return { answers: questions.length, wrong: await connection.ask(questions, draws) }
      },
      close: connection.close
    }
  }
}

const http2: Door = {
  name: "HTTP/2 in pieces",
  visitors: 2,
  open: ({ port }) => {
    const connection = Raw.streams(port)
    return {
      visit: async (draws) => {
        const count = 1 + draws.below(4)
        const wrong = await Promise.all(Array.from({ length: count }, () => connection.ask(numbers(draws), draws)))
        return { answers: count, wrong: wrong.find((one) => one !== undefined) }
      },
      close: connection.close
    }
  }
}

const gzip = { compression: { request: "gzip", response: "gzip" } } as const

/** All of them. */
export const doors: ReadonlyArray<Door> = [
  byClient("HTTP, binary", 6, ({ url }) => connect(url)),
  byClient("HTTP, JSON", 4, ({ url }) => connect(url, { binary: false })),
  byClient("HTTP, gzip", 2, ({ url }) => connect(url, gzip)),
  pieces,
  http2,
  sequences,
  byClient("gRPC", 6, ({ grpcPort }) => connectGrpc(`127.0.0.1:${grpcPort}`)),
  grpcStreams,
  byClient("RPC over HTTP", 4, ({ url }) => connectRpc(url)),
  webSocket
]
