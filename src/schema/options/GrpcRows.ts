/** Options of the gRPC front end: Triton's, then the bounds of this server. Source: model-config §7.2, protocol §1.7, §2.6, §2.7, §7.1. */
import { repeated, single } from "./OptionRow.ts"
import {
  bool,
  bytes,
  choice,
  duplicateRestriction,
  int,
  maxInt32,
  path,
  port,
  regex,
  restriction,
  string
} from "./ValueTypes.ts"

/** How much inference responses are compressed. @category models */
export type CompressionLevel = (typeof compressionLevels)[number]

const compressionLevels = ["none", "low", "medium", "high"] as const

const group = "gRPC"
const own = { group, triton: false } as const
const noPools = "requests and responses are made as they are needed, and freed at once."

/** @category models */
export const grpcRows = [
  single({ name: "allow-grpc", type: bool, default: true, group, doc: "Listen for gRPC requests." }),
  single({ name: "grpc-address", type: string, default: "0.0.0.0", group, doc: "Address to listen on." }),
  single({
    name: "grpc-port",
    type: port,
    default: 8001,
    group,
    doc: "Port to listen on; 0 lets the system choose a free one, which the server prints."
  }),
  single({
    name: "reuse-grpc-port",
    type: bool,
    default: false,
    group,
    doc: "Let several servers listen on the same port (SO_REUSEPORT)."
  }),
  single({
    name: "grpc-header-forward-pattern",
    type: regex,
    default: "",
    group,
    doc:
      "Metadata whose name matches becomes parameters of the inference request. Case counts only after a leading (?-i)."
  }),
  single({
    name: "grpc-infer-thread-count",
    type: int({ min: 2, max: 128 }),
    default: 2,
    group,
    doc: "Threads that handle gRPC inference in Triton.",
    ignored: "one event loop serves every connection, and models run in threads of their own."
  }),
  single({
    name: "grpc-infer-allocation-pool-size",
    type: int({ min: 0 }),
    default: 8,
    group,
    doc: "Requests and responses kept for reuse in Triton.",
    ignored: noPools
  }),
  single({
    name: "grpc-max-response-pool-size",
    type: int({ min: 1 }),
    default: maxInt32,
    group,
    doc: "Responses of one stream kept for reuse in Triton.",
    ignored: noPools
  }),
  single({
    name: "grpc-use-ssl",
    type: bool,
    default: false,
    group,
    doc: "Serve gRPC over TLS, with the certificate of --grpc-server-cert and the key of --grpc-server-key."
  }),
  single({
    name: "grpc-use-ssl-mutual",
    type: bool,
    default: false,
    group,
    doc: "Serve gRPC over TLS, and only to clients with a certificate that --grpc-root-cert has signed."
  }),
  single({
    name: "grpc-server-cert",
    type: path,
    default: "",
    group,
    doc: "PEM file of the server's certificate, the chain behind it."
  }),
  single({ name: "grpc-server-key", type: path, default: "", group, doc: "PEM file of the server's private key." }),
  single({
    name: "grpc-root-cert",
    type: path,
    default: "",
    group,
    doc: "PEM file of the certificates that may sign those of clients."
  }),
  single({
    name: "grpc-infer-response-compression-level",
    type: choice(compressionLevels),
    default: "none" as CompressionLevel,
    group,
    doc:
      "Compress inference responses, where the client can read that: low prefers gzip, medium and high prefer deflate."
  }),
  single({
    name: "grpc-keepalive-time",
    type: int({ min: 0 }),
    default: 7200000,
    unit: "milliseconds",
    group,
    doc: "Time without traffic after which a connection is pinged; 0: never."
  }),
  single({
    name: "grpc-keepalive-timeout",
    type: int({ min: 0 }),
    default: 20000,
    unit: "milliseconds",
    group,
    doc: "Time in which a ping must be answered; otherwise the connection is closed."
  }),
  single({
    name: "grpc-keepalive-permit-without-calls",
    type: bool,
    default: false,
    group,
    doc: "Ping connections without calls too, and let clients do so."
  }),
  single({
    name: "grpc-http2-max-pings-without-data",
    type: int({ min: 0 }),
    default: 2,
    group,
    doc: "Pings that may be sent without data in between; 0: any number."
  }),
  single({
    name: "grpc-http2-min-recv-ping-interval-without-data",
    type: int({ min: 0 }),
    default: 300000,
    unit: "milliseconds",
    group,
    doc: "Shortest time between two pings of a client without data in between."
  }),
  single({
    name: "grpc-http2-max-ping-strikes",
    type: int({ min: 0 }),
    default: 2,
    group,
    doc: "Pings that come too early before the connection is closed; 0: any number."
  }),
  single({
    name: "grpc-max-connection-age",
    type: int({ min: 0 }),
    default: 0,
    defaultText: "unset",
    unit: "milliseconds",
    group,
    doc: "Age at which a connection is closed: its client is asked to make a new one."
  }),
  single({
    name: "grpc-max-connection-age-grace",
    type: int({ min: 0 }),
    default: 0,
    defaultText: "unset",
    unit: "milliseconds",
    group,
    doc: "Time that calls have to finish on a connection that reached its age."
  }),
  repeated({
    name: "grpc-restricted-protocol",
    type: restriction,
    group,
    doc:
      "Answer these APIs only to calls that carry the metadata triton-grpc-protocol-KEY with this value, e.g. inference:key=secret.",
    refuse: duplicateRestriction
  }),
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
