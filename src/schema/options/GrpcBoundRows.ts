/** Options of the gRPC front end that are this server's own: its bounds, and what it has beyond Triton. */
import { single } from "./OptionRow.ts"
import { bool, bytes, int, maxInt32 } from "./ValueTypes.ts"

const own = { group: "gRPC", triton: false } as const

/** @category models */
export const grpcBoundRows = [
  single({
    ...own,
    name: "grpc-max-request-bytes",
    type: int({ min: 1 }),
    default: maxInt32,
    unit: "bytes",
    doc:
      "Bound on one message of a client, also after decompression. A larger one is refused, and the connection stays."
  }),
  single({
    ...own,
    name: "grpc-max-response-bytes",
    type: int({ min: 1 }),
    default: maxInt32,
    unit: "bytes",
    doc: "Bound on one message to a client. A response that would be larger is refused."
  }),
  single({
    ...own,
    name: "grpc-max-inflight-requests",
    type: int({ min: 1 }),
    default: 4096,
    unit: "requests",
    doc: "How many calls may be in the server at a time. The next one is refused with UNAVAILABLE."
  }),
  single({
    ...own,
    name: "grpc-max-inflight-bytes",
    type: bytes({ min: 1 }),
    default: 4294967296,
    unit: "bytes",
    doc: "How many bytes of messages may be in the server at a time. A message beyond them is refused with UNAVAILABLE."
  }),
  single({
    ...own,
    name: "grpc-max-stream-requests",
    type: int({ min: 1 }),
    default: 256,
    unit: "requests",
    doc: "How many requests of one ModelStreamInfer may be in the server at a time. Beyond them its reading pauses."
  }),
  single({
    ...own,
    name: "grpc-reflection",
    type: bool,
    default: true,
    doc: "Describe the services and their messages to tools such as grpcurl."
  }),
  single({
    ...own,
    name: "grpc-max-health-watches",
    type: int({ min: 0 }),
    default: 1000,
    doc: "How many health watches may be open at a time."
  }),
  single({
    ...own,
    name: "grpc-health-watch-interval-ms",
    type: int({ min: 1 }),
    default: 250,
    unit: "milliseconds",
    doc: "How long it takes at most until a health watch is told of a change."
  }),
  single({
    ...own,
    name: "grpc-max-connections",
    type: int({ min: 1 }),
    default: 16384,
    doc: "How many connections may be open at a time. The next one is closed at once."
  }),
  single({
    ...own,
    name: "grpc-max-concurrent-streams",
    type: int({ min: 1 }),
    default: 1024,
    doc: "How many calls one connection may have at a time; clients let further ones wait."
  }),
  single({
    ...own,
    name: "grpc-max-metadata-bytes",
    type: int({ min: 1024 }),
    default: 16384,
    unit: "bytes",
    doc: "Bound on the metadata of a call, counted as HTTP/2 does: 32 bytes more for each name."
  }),
  single({
    ...own,
    name: "grpc-handshake-timeout-ms",
    type: int({ min: 1 }),
    default: 10000,
    unit: "milliseconds",
    doc: "How long a connection may take for TLS and the beginning of HTTP/2."
  }),
  single({
    ...own,
    name: "grpc-body-timeout-ms",
    type: int({ min: 1 }),
    default: 60000,
    unit: "milliseconds",
    doc: "How long a message may pause while it is received, and an answer while it is sent."
  }),
  single({
    ...own,
    name: "grpc-idle-timeout-ms",
    type: int({ min: 0 }),
    default: 0,
    defaultText: "unset",
    unit: "milliseconds",
    doc: "How long a connection may stay open without calls."
  })
] as const
