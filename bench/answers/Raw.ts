/** Questions as bytes of HTTP, for doors that no client would come through. */
import { once } from "node:events"
import { connect as connectHttp2 } from "node:http2"
import { connect } from "node:net"
import { binaryRequest } from "../requests.ts"
import type { Draws } from "./Draws.ts"
import type { Outputs, Question } from "./Models.ts"

const headEnd = Buffer.from("\r\n\r\n")

/** A question whose tensors are 32-bit integers, as a request in binary. */
const requestOf = ({ inputs }: Question) =>
  binaryRequest(
    Object.entries(inputs).map(([name, { data, datatype, shape }]) => {
      if (datatype !== "INT32") throw new Error(`${name} is no tensor of integers`)
      return { name, datatype, shape, data }
    })
  )

/** The outputs of an answer in binary. */
const outputsOf = (headLength: number, body: Buffer): Outputs => {
  const head: {
    readonly outputs: ReadonlyArray<
      {
        readonly name: string
        readonly shape: ReadonlyArray<number>
        readonly parameters: { readonly binary_data_size: number }
      }
    >
  } = JSON.parse(body.toString("utf8", 0, headLength))
  let at = headLength
  return Object.fromEntries(head.outputs.map(({ name, parameters, shape }) => {
    const bytes = body.subarray(at, at += parameters.binary_data_size)
    return [name, { shape, data: new Int32Array(Uint8Array.from(bytes).buffer) }]
  }))
}

/** Sends bytes in pieces of any length, some of them a moment later. */
const sendInPieces = async (bytes: Buffer, draws: Draws, send: (piece: Buffer) => void): Promise<void> => {
  let at = 0
  while (at < bytes.length) {
    const length = draws.below(3) === 0 ? 1 + draws.below(120) : 1 + draws.below(90_000)
    send(bytes.subarray(at, at += length))
    if (draws.below(2) === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** One connection of HTTP/1.1 that sends up to four requests before it reads an answer, in pieces of any length. */
export const pipeline = async (port: number) => {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true })
  await once(socket, "connect")
  let received: Buffer = Buffer.alloc(0)
  let wake = (): void => {}
  let failure: Error | undefined
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk])
    wake()
  })
  socket.on("error", (error) => {
    failure = error
  })
  socket.on("close", () => {
    failure ??= new Error("the connection was closed")
    wake()
  })

  const read = async (): Promise<{ readonly status: number; readonly head: string; readonly body: Buffer }> => {
    for (;;) {
      const end = received.indexOf(headEnd)
      const head = received.toString("latin1", 0, Math.max(0, end))
      const total = end + headEnd.length + Number(/^content-length: *(\d+)/im.exec(head)?.[1])
      if (end >= 0 && received.length >= total) {
        const body = received.subarray(end + headEnd.length, total)
        received = received.subarray(total)
        return { status: Number(head.slice(9, 12)), head, body }
      }
      if (failure !== undefined) throw failure
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }

  return {
    /** Asks all, and says what is wrong with one of the answers. */
    ask: async (questions: ReadonlyArray<Question>, draws: Draws): Promise<string | undefined> => {
      const bytes = questions.map((question) => {
        const { body, headers } = requestOf(question)
        const lines = Object.entries({ ...headers, "Content-Length": String(body.length) })
          .map(([name, value]) => `${name}: ${value}\r\n`).join("")
        return Buffer.concat([
          Buffer.from(`POST /v2/models/${question.model}/infer HTTP/1.1\r\nHost: x\r\n${lines}\r\n`),
          body
        ])
      })
      const sent = sendInPieces(Buffer.concat(bytes), draws, (piece) => socket.write(piece))
      let wrong: string | undefined
      for (const question of questions) {
        const { body, head, status } = await read()
        const headLength = Number(/^inference-header-content-length: *(\d+)/im.exec(head)?.[1])
        wrong ??= status === 200 ? question.problem(outputsOf(headLength, body)) : `${status} ${body.toString()}`
      }
      await sent
      return wrong
    },
    close: () => socket.destroy()
  }
}

/** One connection of HTTP/2 in the clear. */
export const streams = (port: number) => {
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  return {
    ask: async (question: Question, draws: Draws): Promise<string | undefined> => {
      const { body, headers } = requestOf(question)
      const stream = session.request({ ":method": "POST", ":path": `/v2/models/${question.model}/infer`, ...headers })
      const answered = once(stream, "response")
      await sendInPieces(Buffer.from(body), draws, (piece) => stream.write(piece))
      stream.end()
      const [head] = await answered
      const chunks: Array<Buffer> = []
      for await (const chunk of stream) chunks.push(chunk)
      const answer = Buffer.concat(chunks)
      if (head[":status"] !== 200) return `${head[":status"]} ${answer.toString()}`
      return question.problem(outputsOf(Number(head["inference-header-content-length"]), answer))
    },
    close: () => session.destroy()
  }
}
