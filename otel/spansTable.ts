/** Text of otel/spans.md: every span, attribute and event that the server makes. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { attributes, event, spans } from "../src/schema/SpanNames.ts"

const src = fileURLToPath(new URL("../src", import.meta.url))

/** Spans of rare paths, by the names that the code gives its functions. @category constants */
export const inner: ReadonlyArray<string> = [
  ...new Set(
    readdirSync(src, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .flatMap((name) => Array.from(readFileSync(join(src, name), "utf8").matchAll(/Effect\.fn\(\s*"([^"]+)"/g)))
      .map(([, name]) => name!)
  )
].toSorted()

/** What spans of requests say of the way they came. Source: OpenTelemetry's semantic conventions for HTTP and RPC. @category constants */
export const conventions: ReadonlyArray<readonly [name: string, where: string, meaning: string]> = [
  ["http.request.method", "HTTP", "`POST`"],
  ["http.route", "HTTP", "the path with `{model}` and `{version}` in it"],
  ["http.response.status_code", "HTTP", "status of the answer"],
  ["url.path", "HTTP", "the path as it was asked"],
  ["url.scheme", "HTTP", "`http`; TLS ends before the server"],
  ["user_agent.original", "HTTP", "what the client calls itself"],
  ["rpc.system.name", "gRPC, RPC", "`grpc`, `effect_rpc`"],
  ["rpc.method", "gRPC, RPC", "the method, with its service"],
  ["rpc.status_code", "gRPC", "name of the status"],
  ["network.protocol.name", "gRPC", "`http`"],
  ["network.protocol.version", "HTTP, gRPC", "version of HTTP"],
  ["network.transport", "HTTP, gRPC, RPC", "`tcp`"],
  ["network.peer.address", "HTTP, gRPC, RPC", "address of the other end of the connection"],
  ["network.peer.port", "HTTP, gRPC, RPC", "port of the other end"],
  ["client.address", "HTTP, gRPC, RPC", "the same address: nothing is believed of forwarding headers"],
  ["client.port", "HTTP, gRPC, RPC", "the same port"],
  ["server.address", "HTTP, gRPC, RPC", "the host that was asked"],
  ["server.port", "HTTP, gRPC, RPC", "the port that was asked"],
  ["error.type", "all", "kind of the error, where the server is at fault"]
]

/** Events of the spans of requests, by Triton's names of the activities. */
const activities: ReadonlyArray<readonly [names: string, meaning: string]> = [
  ["HTTP_RECV_START, HTTP_RECV_END", "the head of the request was there; its body was"],
  ["HTTP_SEND_START, HTTP_SEND_END", "the answer began to leave; its last byte left"],
  ["GRPC_WAITREAD_START, GRPC_WAITREAD_END", "the call was there; its message was"],
  ["GRPC_SEND_START, GRPC_SEND_END", "the answer began to leave; it left"],
  ["INFER_RESPONSE_COMPLETE", "the answer was computed"]
]

const code = (text: string) => text.split(", ").map((name) => `\`${name}\``).join(", ")

const table = (heads: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>) =>
  [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

/** @category constants */
export const text = `# Spans

Every span that the server makes, with its attributes and events; written by \`node otel/spans.ts\` from \`src/schema/SpanNames.ts\`, and
compared with what arrives at a collector. [docs/tracing.md](../docs/tracing.md) says how to turn them on.

## Spans

${
  table(
    ["Name", "Kind", "Parent", "What it is", "Attributes"],
    spans.map(({ attributes: of, kind, meaning, name, parent }) => [
      `\`${name}\``,
      kind,
      parent === undefined ? "" : spans.some(({ name }) => name === parent) ? code(parent) : parent,
      meaning,
      of.map((key) => code(attributes[key].name)).join(", ")
    ])
  )
}

A span without a parent begins a trace, or is part of the one that the request says it belongs to.

### Steps of starting, loading and unloading

What a load or a start spends its time on, named by the code: no promise, they change with it. No request has them, other than one that
waits for its model to load.

${inner.map((name) => `\`${name}\``).join(", ")}

## Attributes of this server

Texts of clients are cut to a bounded length. Contents of tensors are in none of them.

${
  table(
    ["Name", "Type", "Meaning"],
    Object.values(attributes).map(({ meaning, name, type }) => [`\`${name}\``, type, meaning])
  )
}

## Attributes of OpenTelemetry's conventions

${
  table(
    ["Name", "Of requests by", "Meaning"],
    conventions.map(([name, where, meaning]) => [code(name), where, meaning])
  )
}

## Events

${
  table(["Name", "Meaning"], [
    ...activities.map(([names, meaning]) => [code(names), meaning]),
    [
      code(event.retried),
      `the instance that ran it was lost, and it is run once more, with ${code(attributes.failureType.name)} and ${
        code(attributes.failureMessage.name)
      }`
    ],
    [code(event.leftOut), "a step of the ensemble was not needed"],
    [code("exception"), "why it failed, with `exception.type`, `exception.message` and `exception.stacktrace`"]
  ])
}
`
