/** The client over Effect RPC: as effects, and as promises. */
export * from "./RpcClient.ts"
export { connectRpc, type RpcOptions } from "./RpcPromiseClient.ts"
