/** Drives a gRPC server with `h2load`, after one call through node:http2 has shown that it answers with status 0. */
import { execFile, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:http2"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { ModelInferRequest } from "../src/schema/proto/InferFields.ts"
import * as WireFormat from "../src/schema/proto/WireFormat.ts"
import type { Outcome } from "./load.ts"
import type { BinaryInput } from "./requests.ts"

export interface GrpcLoad {
  readonly port: number
  /** One message with the five bytes before it. */
  readonly body: Uint8Array
  readonly connections: number
  /** Calls at a time on each connection. */
  readonly streams: number
  readonly seconds: number
}

/** Whether `h2load` is there; Debian has it in `nghttp2-client`. */
export const available: boolean = spawnSync("h2load", ["--version"]).error === undefined

const path = "/inference.GRPCInferenceService/ModelInfer"
const run = promisify(execFile)

/** The body of a `ModelInfer` call. */
export const inferBody = (model: string, inputs: ReadonlyArray<BinaryInput>): Uint8Array => {
  const message = WireFormat.encode(ModelInferRequest, {
    model_name: model,
    inputs: inputs.map(({ datatype, name, shape }) => ({ name, datatype, shape })),
    raw_input_contents: inputs.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  })
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** Bytes of the message that one call is answered with; fails where its status is not 0. */
export const answerBytes = (port: number, body: Uint8Array): Promise<number> =>
  new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`)
    session.on("error", reject)
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers"
    })
    let bytes = -5
    let status: unknown
    const headers = (received: { readonly "grpc-status"?: unknown }) => {
      status ??= received["grpc-status"]
    }
    stream.on("response", headers)
    stream.on("trailers", headers)
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length
    })
    stream.on("close", () => {
      session.close()
      if (status === "0") resolve(bytes)
      else reject(new Error(`the call ended with grpc-status ${String(status)}`))
    })
    stream.end(body)
  })

/** The median of the times of a log of `h2load`: start, status and microseconds in each line. */
const medianOf = (path: string): number => {
  const times = readFileSync(path, "utf8").trimEnd().split("\n").map((line) =>
    Number(line.slice(line.lastIndexOf("\t") + 1))
  )
  return Float64Array.from(times).sort()[times.length >> 1]!
}

/** Runs the load once, without a warm-up. */
export const drive = async (load: GrpcLoad): Promise<Outcome> => {
  // h2load takes whole seconds.
  const duration = Math.max(1, Math.round(load.seconds))
  const folder = mkdtempSync(join(tmpdir(), "galatea-bench-"))
  try {
    writeFileSync(join(folder, "body"), load.body)
    const { stdout } = await run("h2load", [
      `--duration=${duration}`,
      `--clients=${load.connections}`,
      `--max-concurrent-streams=${load.streams}`,
      "--threads=1",
      // Windows of a gigabyte: the generator shall not be what waits.
      "--window-bits=30",
      "--connection-window-bits=30",
      `--data=${join(folder, "body")}`,
      `--log-file=${join(folder, "log")}`,
      "--header=content-type: application/grpc",
      "--header=te: trailers",
      `http://127.0.0.1:${load.port}${path}`
    ])
    const requests = /requests: (\d+) total, .* (\d+) failed, (\d+) errored, (\d+) timeout/.exec(stdout)
    if (requests === null) throw new Error(`h2load printed no result:\n${stdout}`)
    const [total, ...bad] = requests.slice(1).map(Number) as [number, ...ReadonlyArray<number>]
    if (bad.some((count) => count > 0)) throw new Error(`not every call was answered:\n${stdout}`)
    return { perSecond: total / duration, p50: medianOf(join(folder, "log")), requests: total }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
