/** Options of gRPC, which this server does not speak yet; values are checked. Source: model-config §7.2, protocol §7.1. */
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

const noGrpc = "this server does not speak gRPC yet."
const grpc = { group: "gRPC", pending: noGrpc } as const

/** @category models */
export const grpcRows = [
  single({
    name: "allow-grpc",
    type: bool,
    default: false,
    group: "gRPC",
    doc: "Listen for gRPC requests. On by default in Triton.",
    warn: (allow) => allow ? `has no effect yet: ${noGrpc}` : undefined
  }),
  single({ ...grpc, name: "grpc-address", type: string, default: "0.0.0.0", doc: "Address to listen on." }),
  single({ ...grpc, name: "grpc-port", type: port, default: 8001, doc: "Port to listen on." }),
  single({
    ...grpc,
    name: "reuse-grpc-port",
    type: bool,
    default: false,
    doc: "Let several servers listen on the same port."
  }),
  single({
    ...grpc,
    name: "grpc-header-forward-pattern",
    type: regex,
    default: "",
    doc: "Metadata whose name matches becomes parameters of the inference request."
  }),
  single({
    ...grpc,
    name: "grpc-infer-thread-count",
    type: int({ min: 2, max: 128 }),
    default: 2,
    doc: "Threads that handle gRPC inference in Triton."
  }),
  single({
    ...grpc,
    name: "grpc-infer-allocation-pool-size",
    type: int({ min: 0 }),
    default: 8,
    doc: "Requests and responses kept for reuse in Triton."
  }),
  single({
    ...grpc,
    name: "grpc-max-response-pool-size",
    type: int({ min: 1 }),
    default: maxInt32,
    doc: "Responses of one stream kept for reuse in Triton."
  }),
  single({ ...grpc, name: "grpc-use-ssl", type: bool, default: false, doc: "Serve gRPC over TLS." }),
  single({
    ...grpc,
    name: "grpc-use-ssl-mutual",
    type: bool,
    default: false,
    doc: "Serve gRPC over TLS and ask clients for certificates."
  }),
  single({ ...grpc, name: "grpc-server-cert", type: path, default: "", doc: "PEM file of the server's certificate." }),
  single({ ...grpc, name: "grpc-server-key", type: path, default: "", doc: "PEM file of the server's private key." }),
  single({ ...grpc, name: "grpc-root-cert", type: path, default: "", doc: "PEM file of the root certificates." }),
  single({
    ...grpc,
    name: "grpc-infer-response-compression-level",
    type: choice(["none", "low", "medium", "high"]),
    default: "none",
    doc: "Compression of inference responses."
  }),
  single({
    ...grpc,
    name: "grpc-keepalive-time",
    type: int({ min: 0 }),
    default: 7200000,
    unit: "milliseconds",
    doc: "Time without traffic after which a connection is pinged."
  }),
  single({
    ...grpc,
    name: "grpc-keepalive-timeout",
    type: int({ min: 0 }),
    default: 20000,
    unit: "milliseconds",
    doc: "Time in which a ping must be answered."
  }),
  single({
    ...grpc,
    name: "grpc-keepalive-permit-without-calls",
    type: bool,
    default: false,
    doc: "Ping connections without calls too."
  }),
  single({
    ...grpc,
    name: "grpc-http2-max-pings-without-data",
    type: int({ min: 0 }),
    default: 2,
    doc: "Pings that may be sent without data in between; 0: any number."
  }),
  single({
    ...grpc,
    name: "grpc-http2-min-recv-ping-interval-without-data",
    type: int({ min: 0 }),
    default: 300000,
    unit: "milliseconds",
    doc: "Shortest time between two pings of a client without data in between."
  }),
  single({
    ...grpc,
    name: "grpc-http2-max-ping-strikes",
    type: int({ min: 0 }),
    default: 2,
    doc: "Pings that come too early before the connection is closed; 0: any number."
  }),
  single({
    ...grpc,
    name: "grpc-max-connection-age",
    type: int({ min: 0 }),
    default: 0,
    defaultText: "unset",
    unit: "milliseconds",
    doc: "Age at which a connection is closed."
  }),
  single({
    ...grpc,
    name: "grpc-max-connection-age-grace",
    type: int({ min: 0 }),
    default: 0,
    defaultText: "unset",
    unit: "milliseconds",
    doc: "Time that calls have to finish on a connection that reached its age."
  }),
  repeated({
    ...grpc,
    name: "grpc-restricted-protocol",
    type: restriction,
    doc: "Answer these APIs only to calls that carry the metadata triton-grpc-protocol-KEY with this value.",
    refuse: duplicateRestriction
  })
] as const
