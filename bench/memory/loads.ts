/** What a server of small models is driven with, one kind after the other. */
import * as grpc from "../grpc.ts"
import * as http from "../load.ts"
import type { Outcome } from "../load.ts"
import * as models from "../models.ts"
import * as requests from "../requests.ts"
import type { Started } from "../server.ts"

export interface Load {
  readonly name: string
  readonly drive: (server: Started, seconds: number) => Promise<Outcome>
}

const numbers = Array.from({ length: 30_000 }, (_, i) => i / 7)

const json = (inputs: ReadonlyArray<object>): requests.BinaryRequest => ({
  body: Buffer.from(JSON.stringify({ inputs })),
  headers: { "Content-Type": "application/json" }
})

const overHttp = (
  name: string,
  model: string,
  request: requests.BinaryRequest,
  connections: number
): Load => ({
  name,
  drive: ({ url }, seconds) => http.drive({ ...request, url: `${url}/v2/models/${model}/infer`, connections, seconds })
})

const overGrpc = (
  name: string,
  model: string,
  inputs: ReadonlyArray<requests.BinaryInput>,
  connections: number,
  streams: number
): Load => ({
  name,
  drive: ({ grpcPort }, seconds) =>
    grpc.drive({ port: grpcPort, body: grpc.inferBody(model, inputs), connections, streams, seconds })
})

const large = () => requests.float32Inputs("INPUT0", models.identityShape)

/** gRPC is left out where `h2load` is not installed. */
export const all: ReadonlyArray<Load> = [
  overHttp("simple, binary, 32 connections", "simple", requests.simple(), 32),
  overHttp("simple, binary, 128 connections", "simple", requests.simple(), 128),
  overHttp(
    "simple, JSON, 32 connections",
    "simple",
    json(
      ["INPUT0", "INPUT1"].map((name) => ({
        name,
        datatype: "INT32",
        shape: [1, 16],
        data: numbers.slice(0, 16).map(Math.floor)
      }))
    ),
    32
  ),
  overHttp("602 kB each way, binary, 8 connections", "identity_fp32", requests.binaryRequest(large()), 8),
  overHttp(
    "30,000 numbers each way, JSON, 8 connections",
    "identity_fp32",
    json([{ name: "INPUT0", datatype: "FP32", shape: [1, numbers.length], data: numbers }]),
    8
  ),
  ...!grpc.available ? [] : [
    overGrpc("simple, gRPC, 32 connections", "simple", requests.simpleInputs(), 32, 1),
    overGrpc("simple, gRPC, 32 streams of one connection", "simple", requests.simpleInputs(), 1, 32),
    overGrpc("602 kB each way, gRPC, 8 connections", "identity_fp32", large(), 8, 1)
  ]
]
