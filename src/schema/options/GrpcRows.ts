/** Options of the gRPC front end that Triton has. Source: model-config §7.2, protocol §1.7, §2.6, §2.7, §7.1. */
import { repeated, single } from "./OptionRow.ts"
import {
  bool,
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
  })
] as const
