/** Every entry of the client, with the options that a user may set. */
import { connect, tensor } from "galatea/client"
import * as EffectClient from "galatea/client/effect"
import { connectGrpc } from "galatea/client/grpc"
import { connectRpc } from "galatea/client/rpc"

const options = { headers: { authorization: "…" }, compression: { request: "gzip" } } as const

export const http = connect("http://localhost:8000", { ...options, timeoutMillis: 1000, retry: { attempts: 2 } })
export const grpc = connectGrpc("localhost:8001")
export const rpc = connectRpc("http://localhost:8000/rpc")
export const layer = EffectClient.layer("http://localhost:8000", options)

export const values = async (): Promise<Int32Array> => {
  const { outputs } = await http.infer("simple", { INPUT0: tensor(new Int32Array(16), [1, 16]) })
  const { data } = outputs["OUTPUT0"]!
  if (!(data instanceof Int32Array)) throw new TypeError("other data")
  return data
}
