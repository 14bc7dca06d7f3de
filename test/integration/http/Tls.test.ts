/** TLS on the HTTP port, with HTTP/1.1 and HTTP/2, and certificates that change. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { X509Certificate } from "node:crypto"
import { renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import * as Https from "node:https"
import { join } from "node:path"
import * as Tls from "node:tls"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import * as HttpFrontend from "../../../src/layers/frontend/HttpFrontend.ts"
import type { TlsOptions } from "../../../src/layers/frontend/Tls.ts"
import { type CertificateRegistry, Certificates, make as makeRegistry } from "../../../src/services/Certificates.ts"
import * as Made from "../../fixtures/Certificates.ts"
import { Fake } from "../../frontend/http/Fakes.ts"
import * as Child from "../cli/Child.ts"
import { client } from "./Streams.ts"
import { empty, eventually, inferBody, start } from "./Wire.ts"

const root = Made.authority("root")
const server = Made.signed("server", "root", root)
const renewed = Made.signed("renewed", "root", root, { from: "200101000000Z", until: "481231235959Z" })
const known = Made.signed("client", "root", root)
const foreign = Made.authority("foreign")
const stranger = Made.signed("stranger", "foreign", foreign)
const expired = Made.signed("expired", "root", root, { from: "190101000000Z", until: "200101000000Z" })
const early = Made.signed("early", "root", root, { from: "480101000000Z", until: "490101000000Z" })

const files = Child.folder({
  "server.pem": server.cert,
  "server.key": server.key,
  "root.pem": root.cert,
  "expired.pem": expired.cert,
  "expired.key": expired.key,
  "early.pem": early.cert,
  "early.key": early.key
})

const paths = (folder: string) => ({ certificate: join(folder, "server.pem"), key: join(folder, "server.key") })

const body = inferBody([1, 2, 3], "good")
const infer = "/v2/models/echo/infer"

/** An inference by HTTP/1.1; its status, or the code of what failed. */
const infer1 = (port: number, options: Https.RequestOptions = {}): Effect.Effect<number | string> =>
  Effect.callback((resume) => {
    const request = Https.request({
      host: "localhost",
      port,
      path: infer,
      method: "POST",
      headers: body.headers,
      agent: false,
      ca: root.cert,
      ...options
    }, (response) => {
      response.resume()
      response.on("end", () => resume(Effect.succeed(response.statusCode!)))
    })
    request.on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code ?? error.message)))
    request.end(body.body)
  })

/** The name on the certificate of the server. */
const shown = (port: number): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const socket = Tls.connect({ host: "localhost", port, ca: root.cert, ALPNProtocols: ["h2"] }, () => {
      resume(Effect.succeed(String(socket.getPeerCertificate().subject.CN)))
      socket.destroy()
    })
    socket.on("error", (error) => resume(Effect.die(error)))
  })

const startWith = (registry: CertificateRegistry, tls: TlsOptions) =>
  start({ tls }).pipe(Effect.provideService(Certificates, registry))

describe("TLS on the HTTP port", () => {
  it.live("serves HTTP/1.1 and HTTP/2, as the client prefers, and nothing in the clear", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ tls: paths(yield* files) })
      assert.strictEqual(yield* infer1(port), 200)
      const made = yield* client(`https://localhost:${port}`, { ca: root.cert })
      for (const size of [3, 300_000]) {
        const sent = inferBody(Array.from({ length: size }, (_, i) => i % 100), "good")
        const { body: got, status } = yield* made.ask(infer, sent)
        assert.strictEqual(status, 200)
        assert.isTrue(got.subarray(-size * 4).equals(sent.body.subarray(-size * 4)))
      }
      assert.strictEqual(made.session.alpnProtocol, "h2")
      assert.notStrictEqual(yield* infer1(port, { ca: foreign.cert }), 200)
      const plain = yield* Effect.promise(() =>
        fetch(`http://localhost:${port}/v2`).then(({ status }) => status, () => "none")
      )
      assert.strictEqual(plain, "none")
      yield* empty(held)
    }))

  it.live("serves only clients with a certificate where one is demanded", () =>
    Effect.gen(function*() {
      const folder = yield* files
      const { fake, port } = yield* start({ tls: { ...paths(folder), clientRoots: join(folder, "root.pem") } })
      assert.strictEqual(yield* infer1(port, { cert: known.cert, key: known.key }), 200)
      assert.isString(yield* infer1(port))
      assert.isString(yield* infer1(port, { cert: stranger.cert, key: stranger.key }))
      assert.strictEqual(fake.requests.length, 1)
    }))

  it.live("speaks no version older than it is told", () =>
    Effect.gen(function*() {
      const folder = yield* files
      const lenient = yield* start({ tls: paths(folder) })
      assert.strictEqual(yield* infer1(lenient.port, { maxVersion: "TLSv1.2" }), 200)
      const strict = yield* start({ tls: { ...paths(folder), minVersion: "TLSv1.3" } })
      assert.isString(yield* infer1(strict.port, { maxVersion: "TLSv1.2" }))
      assert.strictEqual(yield* infer1(strict.port), 200)
    }))

  it.live("does not start with a certificate of another time, and says what to do", () =>
    Effect.gen(function*() {
      const folder = yield* files
      const failing = (name: string) =>
        Layer.build(
          HttpFrontend.layer({
            address: "127.0.0.1",
            port: 0,
            tls: { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
          }).pipe(Layer.provide(new Fake().layer), Layer.provide(SharedTensorMemory.layer))
        ).pipe(Effect.flip, Effect.map(({ message }) => message))
      const first = "failed to start HTTP service: Invalid argument - the certificate"
      assert.strictEqual(
        yield* failing("expired"),
        `${first} '${
          join(folder, "expired.pem")
        }' expired on Jan  1 00:00:00 2020 GMT. Renew it; no client would accept it.`
      )
      assert.strictEqual(
        yield* failing("early"),
        `${first} '${
          join(folder, "early.pem")
        }' is valid only from Jan  1 00:00:00 2048 GMT on. Wait for that, or check the clock.`
      )
    }))

  it.live("shows a new certificate to new connections, also behind links that are swapped, and keeps the old one while the new one is bad", () =>
    Effect.gen(function*() {
      const folder = yield* Child.folder({
        one: { "tls.crt": server.cert, "tls.key": server.key },
        two: { "tls.crt": renewed.cert, "tls.key": server.key },
        three: { "tls.crt": renewed.cert, "tls.key": renewed.key }
      })
      // As Kubernetes does: the files are links into a folder that is a link, which is replaced.
      const turnTo = (name: string) => {
        symlinkSync(name, join(folder, "next"))
        renameSync(join(folder, "next"), join(folder, "data"))
      }
      turnTo("one")
      for (const name of ["tls.crt", "tls.key"]) symlinkSync(join("data", name), join(folder, name))
      const registry = makeRegistry()
      const { port } = yield* startWith(registry, {
        certificate: join(folder, "tls.crt"),
        key: join(folder, "tls.key"),
        reloadInterval: 20
      })
      const ends = () => [...registry.all()].map(([service, millis]) => `${service} ${millis}`)
      const [first, second] = [server, renewed].map(({ cert }) =>
        `HTTP ${new X509Certificate(cert).validToDate.getTime()}`
      )
      assert.notStrictEqual(first, second)
      assert.deepStrictEqual(ends(), [first])
      const old = yield* client(`https://localhost:${port}`, { ca: root.cert })
      assert.strictEqual((yield* old.ask("/v2")).status, 200)
      assert.strictEqual(yield* shown(port), "server")
      turnTo("two")
      // Longer than it takes to be seen: nothing happens.
      yield* Effect.sleep(100)
      assert.strictEqual(yield* shown(port), "server")
      assert.deepStrictEqual(ends(), [first])
      turnTo("three")
      yield* eventually(() => ends()[0]!, (end) => end === second)
      assert.strictEqual(yield* shown(port), "renewed")
      assert.strictEqual((yield* old.ask("/v2")).status, 200)
      // What is gone changes nothing, and what comes back is taken.
      rmSync(join(folder, "tls.key"))
      yield* Effect.sleep(60)
      assert.strictEqual(yield* shown(port), "renewed")
      writeFileSync(join(folder, "tls.key"), server.key)
      turnTo("one")
      yield* eventually(() => ends()[0]!, (end) => end === first)
      assert.strictEqual(yield* shown(port), "server")
    }).pipe(Effect.scoped))
})
