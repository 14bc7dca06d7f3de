/** Options of the HTTP front end: Triton's, then the bounds of this server. Source: model-config §7.2, protocol §1.7, §2.6, §2.7, §2.8. */
import { repeated, single } from "./OptionRow.ts"
import {
  type AutoBool,
  autoBool,
  bool,
  bytes,
  duplicateRestriction,
  int,
  maxInt32,
  port,
  regex,
  restriction,
  string
} from "./ValueTypes.ts"

const group = "HTTP"

const isOrigin = (text: string): boolean => URL.canParse(text) && new URL(text).origin === text

/** @category models */
export const httpRows = [
  single({ name: "allow-http", type: bool, default: true, group, doc: "Listen for HTTP requests." }),
  single({ name: "http-address", type: string, default: "0.0.0.0", group, doc: "Address to listen on." }),
  single({
    name: "http-port",
    type: port,
    default: 8000,
    group,
    doc: "Port to listen on; 0 lets the system choose a free one, which the server prints."
  }),
  single({
    name: "reuse-http-port",
    type: bool,
    default: false,
    group,
    doc: "Let several servers listen on the same port (SO_REUSEPORT)."
  }),
  single({
    name: "http-header-forward-pattern",
    type: regex,
    default: "",
    group,
    doc:
      "Headers whose name matches become parameters of the inference request. Case counts only after a leading (?-i)."
  }),
  single({
    name: "http-thread-count",
    type: int({ min: 1 }),
    default: 8,
    group,
    doc: "Threads that serve HTTP in Triton.",
    ignored: "one event loop serves every connection, and models run in threads of their own."
  }),
  single({
    name: "http-max-input-size",
    type: int({ min: -maxInt32, max: Number.MAX_SAFE_INTEGER }),
    default: 67108864,
    unit: "bytes",
    group,
    doc: "Bound on the JSON of a request, on a raw binary request, and on a body after decompression.",
    refuse: (size) => size > 0 ? undefined : "Error: --http-max-input-size must be greater than 0."
  }),
  repeated({
    name: "http-restricted-api",
    type: restriction,
    group,
    doc:
      "Answer these APIs only to requests that carry the header with this value, e.g. model-config,logging:admin-key=secret.",
    refuse: duplicateRestriction
  }),
  single({
    name: "http-max-request-bytes",
    type: bytes({ min: 1 }),
    default: 1073741824,
    triton: false,
    unit: "bytes",
    group,
    doc: "Bound on the whole body of one request, binary tensors included."
  }),
  single({
    name: "http-max-inflight-requests",
    type: int({ min: 1 }),
    default: 4096,
    triton: false,
    unit: "requests",
    group,
    doc: "How many requests with a body may be in the server at a time. The next one is refused with 503."
  }),
  single({
    name: "http-max-inflight-bytes",
    type: bytes({ min: 1 }),
    default: 4294967296,
    triton: false,
    unit: "bytes",
    group,
    doc: "How many bytes of request bodies may be in the server at a time. A request beyond them is refused with 503."
  }),
  single({
    name: "http-front-threads",
    type: int({ min: 1, max: 64 }),
    default: 1,
    triton: false,
    group,
    doc:
      "How many threads may accept connections; 1 is the main thread alone, more are beside it and join in as needed. In the clear, where ports can be shared (Linux)."
  }),
  single({
    name: "http-max-connections",
    type: int({ min: 1 }),
    default: 16384,
    triton: false,
    group,
    doc: "How many connections may be open at a time. The next one is closed at once."
  }),
  single({
    name: "http-max-concurrent-streams",
    type: int({ min: 1 }),
    default: 256,
    triton: false,
    unit: "requests",
    group,
    doc: "How many requests of one HTTP/2 connection may be in progress at a time."
  }),
  single({
    name: "http-max-header-bytes",
    type: int({ min: 1024 }),
    default: 16384,
    triton: false,
    unit: "bytes",
    group,
    doc: "Bound on the head of a request."
  }),
  single({
    name: "http-header-timeout-ms",
    type: int({ min: 1 }),
    default: 10000,
    triton: false,
    unit: "milliseconds",
    group,
    doc: "How long a connection may take to send the head of a request."
  }),
  single({
    name: "http-body-timeout-ms",
    type: int({ min: 1 }),
    default: 60000,
    triton: false,
    unit: "milliseconds",
    group,
    doc: "How long a body may pause while it is received, and an answer while it is sent."
  }),
  single({
    name: "http-request-timeout-ms",
    type: int({ min: 1 }),
    default: 600000,
    triton: false,
    unit: "milliseconds",
    group,
    doc: "How long a connection may take to send a whole request."
  }),
  single({
    name: "http-idle-timeout-ms",
    type: int({ min: 1 }),
    default: 75000,
    triton: false,
    unit: "milliseconds",
    group,
    doc: "How long a connection may stay open between two requests."
  }),
  single({
    name: "http-server-timing",
    type: bool,
    default: false,
    triton: false,
    group,
    doc: "Tell in the header Server-Timing of each inference answer where its time went, and the size of its batch."
  }),
  repeated({
    name: "http-cors-allow-origin",
    type: string,
    environmentSeparator: ",",
    triton: false,
    group,
    doc: "Let pages of this origin ask the server from a browser, e.g. https://app.example; * lets every page.",
    refuse: (origins) => {
      const wrong = origins.find((origin) => origin !== "*" && !isOrigin(origin))
      return wrong === undefined
        ? undefined
        : `Expected an origin without a path, such as https://app.example, or *, got: ${wrong}`
    }
  }),
  single({
    name: "allow-rpc",
    type: bool,
    default: true,
    triton: false,
    group,
    doc: "Serve Effect RPC at /rpc of the HTTP port, over POST and over WebSocket."
  }),
  single({
    name: "rpc-max-message-bytes",
    type: bytes({ min: 1 }),
    default: 67108864,
    triton: false,
    unit: "bytes",
    group,
    doc: "Bound on one RPC message over WebSocket. Over POST the bounds of HTTP bodies hold."
  }),
  single({
    name: "console",
    type: autoBool,
    default: "auto" as AutoBool,
    triton: false,
    group,
    doc:
      "Serve the console, a page that shows the server, at /v2/console: auto only to browsers on this machine, true to everybody who reaches the HTTP port."
  })
] as const
