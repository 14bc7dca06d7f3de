/** Sees the effect of the options of TLS and of the admin address on a started server. */
import { assert, describe } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { writeFileSync } from "node:fs"
import { request } from "node:https"
import { join } from "node:path"
import { connect } from "node:tls"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import { client } from "../http/Streams.ts"
import { eventually } from "../http/Wire.ts"
import * as Child from "./Child.ts"
import type { Test } from "./GrpcOptions.ts"

const models = Child.folder({
  simple: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } }
})

const root = Certificates.authority("root")
const own = Certificates.signed("server", "root", root)
const renewed = Certificates.signed("renewed", "root", root)

/** Status of a request for the server's metadata, or what went wrong. */
const ask = (
  url: string,
  options: { readonly cert?: string; readonly key?: string; readonly maxVersion?: "TLSv1.2" } = {}
) =>
  Effect.callback<number | string>((resume) => {
    const sent = request(`${url}/v2`, { ca: root.cert, agent: false, ...options }, (response) => {
      response.resume()
      resume(Effect.succeed(response.statusCode!))
    })
    sent.on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code ?? error.message)))
    sent.end()
  })

/** The name on the certificate that a port shows. */
const shown = (port: number, protocol: string) =>
  Effect.callback<string>((resume) => {
    const socket = connect({ port, host: "127.0.0.1", ca: root.cert, ALPNProtocols: [protocol] }, () => {
      resume(Effect.succeed(String(socket.getPeerCertificate().subject.CN)))
      socket.destroy()
    })
    socket.on("error", (error) => resume(Effect.succeed(error.message)))
  })

const scoped = <E>(effect: Effect.Effect<void, E, Scope.Scope>) => Effect.scoped(effect)

export const tlsOptions = (test: Test): void => {
  describe("options of TLS", () => {
    test("secure HTTP", [
      "http-use-ssl",
      "http-use-ssl-mutual",
      "http-server-cert",
      "http-server-key",
      "http-root-cert",
      "tls-min-version",
      "http-max-concurrent-streams"
    ], () =>
      scoped(Effect.gen(function*() {
        const files = yield* Child.folder({ "cert.pem": own.cert, "key.pem": own.key, "root.pem": root.cert })
        const named = [`--http-server-cert=${join(files, "cert.pem")}`, `--http-server-key=${join(files, "key.pem")}`]
        const one = yield* Child.serve([
          yield* models,
          "--http-use-ssl=true",
          ...named,
          "--tls-min-version=1.3",
          "--http-max-concurrent-streams=7"
        ])
        assert.match(one.url, /^https:/)
        assert.strictEqual(yield* ask(one.url), 200)
        assert.isString(yield* ask(one.url, { maxVersion: "TLSv1.2" }))
        const streams = yield* client(one.url, { ca: root.cert })
        assert.strictEqual((yield* streams.ask("/v2")).status, 200)
        assert.strictEqual(streams.session.remoteSettings.maxConcurrentStreams, 7)
        const mutual = yield* Child.serve([
          yield* models,
          "--http-use-ssl-mutual=true",
          ...named,
          `--http-root-cert=${join(files, "root.pem")}`
        ])
        assert.strictEqual(yield* ask(mutual.url, own), 200)
        assert.isString(yield* ask(mutual.url))
        const wrong = yield* Child.run(["serve", yield* models, "--http-use-ssl=true", named[0]!])
        assert.include(wrong.err, "Error: --http-use-ssl needs --http-server-key as well.")
      })))

    test("renew certificates of HTTP and gRPC", ["tls-reload-interval-ms"], () =>
      scoped(Effect.gen(function*() {
        const files = yield* Child.folder({ "cert.pem": own.cert, "key.pem": own.key })
        const doors = ["http", "grpc"].flatMap((door) => [
          `--${door}-use-ssl=true`,
          `--${door}-server-cert=${join(files, "cert.pem")}`,
          `--${door}-server-key=${join(files, "key.pem")}`
        ])
        const server = yield* Child.serve([yield* models, ...doors, "--tls-reload-interval-ms=50"])
        const http = Number(new URL(server.url).port)
        const grpc = Number(/gRPC at \S+:(\d+)\b/.exec(server.out())![1])
        writeFileSync(join(files, "key.pem"), renewed.key)
        yield* server.printed(
          /HTTP keeps its old certificate, because the new files of TLS cannot be used: the private key '.*' is not that of the certificate/
        )
        assert.strictEqual(yield* shown(http, "h2"), "server")
        writeFileSync(join(files, "cert.pem"), renewed.cert)
        yield* server.printed(/HTTP uses the new certificate of CN=renewed, valid until 2049-12-31T23:59:59\.000Z/)
        yield* server.printed(/GRPC uses the new certificate of CN=renewed/)
        assert.strictEqual(yield* shown(http, "http/1.1"), "renewed")
        assert.strictEqual(yield* shown(grpc, "h2"), "renewed")
      })))

    test(
      "give administration an address of its own",
      ["admin-address", "admin-port"],
      () =>
        scoped(Effect.gen(function*() {
          const server = yield* Child.serve([yield* models, "--admin-address=127.0.0.2", "--admin-port=0"])
          const [, admin] = /admin at (http:\/\/127\.0\.0\.2:\d+) /.exec(server.out())!
          const refused = yield* Child.ask(`${server.url}/v2/logging`)
          assert.deepStrictEqual([refused.status, refused.text.includes("--admin-address")], [403, true])
          assert.strictEqual((yield* Child.ask(`${admin}/v2/logging`)).status, 200)
          assert.strictEqual((yield* Child.ask(`${admin}/v2/models/simple`)).status, 200)
          yield* eventually(
            () => server.err() + server.out(),
            (text) => /Started Admin Service at 127\.0\.0\.2:/.test(text)
          )
          const alone = yield* Child.run(["serve", yield* models, "--admin-port=9"])
          assert.include(alone.err, "Error: --admin-port needs --admin-address as well.")
          const without = yield* Child.run(["serve", yield* models, "--admin-address=127.0.0.1", "--allow-http=false"])
          assert.include(without.err, "cannot be used with --allow-http=false")
        }))
    )
  })
}
