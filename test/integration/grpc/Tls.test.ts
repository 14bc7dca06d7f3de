/** TLS, with and without certificates of clients. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { join } from "node:path"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import * as GrpcFrontend from "../../../src/layers/frontend/GrpcFrontend.ts"
import type { TlsOptions } from "../../../src/layers/frontend/Tls.ts"
import * as Certificates from "../../fixtures/Certificates.ts"
import { Fake } from "../../frontend/http/Fakes.ts"
import * as Child from "../cli/Child.ts"
import { connect } from "./Client.ts"
import { good, goodAnswer, start } from "./Frontend.ts"

const root = Certificates.authority("root")
const server = Certificates.signed("server", "root", root)
const client = Certificates.signed("client", "root", root)
const foreign = Certificates.authority("foreign")
const stranger = Certificates.signed("stranger", "foreign", foreign)

const files = Child.folder({
  "server.pem": server.cert,
  "server.key": server.key,
  "root.pem": root.cert,
  "other.key": client.key,
  "text.txt": "no certificate\n",
  "broken.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
})

const paths = (folder: string) => ({ certificate: join(folder, "server.pem"), key: join(folder, "server.key") })

describe("TLS", () => {
  it.live("serves clients that trust the server's authority", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ tls: paths(yield* files) })
      const trusting = yield* connect(port, { secure: true, ca: root.cert })
      assert.deepStrictEqual(yield* good(trusting), goodAnswer)
      const doubting = yield* connect(port, { secure: true, ca: foreign.cert })
      assert.isUndefined((yield* doubting.begin("ServerLive").end).status)
      const plain = yield* connect(port)
      assert.isUndefined((yield* plain.begin("ServerLive").end).status)
      assert.deepStrictEqual(yield* good(trusting), goodAnswer)
    }).pipe(Effect.scoped))

  it.live("serves only clients with a certificate where one is demanded", () =>
    Effect.gen(function*() {
      const folder = yield* files
      const { fake, port } = yield* start({ tls: { ...paths(folder), clientRoots: join(folder, "root.pem") } })
      const known = yield* connect(port, { secure: true, ca: root.cert, ...client })
      assert.deepStrictEqual(yield* good(known), goodAnswer)
      for (const identity of [{}, stranger]) {
        const other = yield* connect(port, { secure: true, ca: root.cert, ...identity })
        assert.isUndefined((yield* other.begin("ServerLive").end).status)
      }
      assert.strictEqual(fake.requests.length, 1)
      assert.deepStrictEqual(yield* good(known), goodAnswer)
    }).pipe(Effect.scoped))

  const failing = (tls: TlsOptions) =>
    Layer.build(
      GrpcFrontend.layer({ address: "127.0.0.1", port: 0, tls }).pipe(
        Layer.provide(new Fake().layer),
        Layer.provide(SharedTensorMemory.layer)
      )
    ).pipe(Effect.flip, Effect.map(({ message }) => message))

  it.live("does not start with files that cannot be used, and says which and why", () =>
    Effect.gen(function*() {
      const folder = yield* files
      const at = (name: string) => join(folder, name)
      const start = "failed to start GRPC service: Invalid argument - "
      const good = paths(folder)
      const message = yield* failing({ ...good, certificate: at("none.pem") })
      assert.strictEqual(
        message,
        `${start}the certificate '${at("none.pem")}' cannot be read: ENOENT: no such file or directory, stat '${
          at("none.pem")
        }'`
      )
      assert.strictEqual(
        yield* failing({ ...good, certificate: at("text.txt") }),
        `${start}the certificate '${
          at("text.txt")
        }' holds no PEM block of that kind; expected -----BEGIN CERTIFICATE-----`
      )
      assert.include(
        yield* failing({ ...good, key: at("server.pem") }),
        `the private key '${at("server.pem")}' holds no PEM block of that kind`
      )
      assert.include(
        yield* failing({ ...good, certificate: at("broken.pem") }),
        `the certificate '${at("broken.pem")}' cannot be used: `
      )
      assert.strictEqual(
        yield* failing({ ...good, key: at("other.key") }),
        `${start}the private key '${at("other.key")}' is not that of the certificate '${good.certificate}'`
      )
      assert.include(
        yield* failing({ ...good, clientRoots: at("broken.pem") }),
        `the file of root certificates '${at("broken.pem")}' cannot be used: `
      )
    }).pipe(Effect.scoped))
})
