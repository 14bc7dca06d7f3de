/** Clients of services: one method for each procedure, typed by the descriptions of its messages. */
import type { DraftOf, MessageType, Rpc, ServiceType, TypeOf } from "../../schema/proto/Descriptor.ts"
import { InferenceService } from "../../schema/proto/InferenceService.ts"
import { type GrpcCallOptions, GrpcChannel, type GrpcChannelOptions, type Requests } from "./GrpcChannel.ts"

type Method<R extends Rpc> = R extends { readonly clientStreaming: true } ?
  (requests: Requests<R["request"]>, options?: GrpcCallOptions) => AsyncIterableIterator<TypeOf<R["response"]>>
  : R extends { readonly serverStreaming: true } ?
    (request: DraftOf<R["request"]>, options?: GrpcCallOptions) => AsyncIterableIterator<TypeOf<R["response"]>>
  : (request: DraftOf<R["request"]>, options?: GrpcCallOptions) => Promise<TypeOf<R["response"]>>

/** The procedures of a service as methods, their names beginning with a small letter. @category models */
export type ClientOf<S extends ServiceType> = {
  readonly [R in S["rpcs"][number] as Uncapitalize<R["name"]>]: Method<R>
}

const method = (channel: GrpcChannel, service: ServiceType, rpc: Rpc) => {
  if (rpc.clientStreaming === true) {
    return (requests: Requests<MessageType>, options?: GrpcCallOptions) =>
      channel.stream(service, rpc, requests, options)
  }
  if (rpc.serverStreaming === true) {
    return (request: DraftOf<MessageType>, options?: GrpcCallOptions) =>
      channel.stream(service, rpc, [request], options)
  }
  return (request: DraftOf<MessageType>, options?: GrpcCallOptions) => channel.unary(service, rpc, request, options)
}

/** A client of a service on a channel, which several clients may share. @category constructors */
export const clientOf = <S extends ServiceType>(channel: GrpcChannel, service: S): ClientOf<S> =>
  Object.fromEntries(
    service.rpcs.map((
      rpc
    ) => [`${rpc.name.slice(0, 1).toLowerCase()}${rpc.name.slice(1)}`, method(channel, service, rpc)])
  ) as ClientOf<S>

/** The inference service with every procedure of KServe V2 and of Triton's extensions. @category models */
export interface GrpcInferenceClient extends ClientOf<typeof InferenceService> {
  /** Aborts what is in flight; later calls fail. */
  readonly close: () => void
}

/**
 * A client of the inference service at an address such as `localhost:8001`. Nothing is sent before the first call.
 *
 * @category constructors
 */
export const connect = (address: string, options?: GrpcChannelOptions): GrpcInferenceClient => {
  const channel = new GrpcChannel(address, options)
  return { ...clientOf(channel, InferenceService), close: () => channel.close() }
}
