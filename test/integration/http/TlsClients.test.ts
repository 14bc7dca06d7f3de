/** Clients that people have, over TLS: curl, and the Python client of Triton. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile, spawnSync } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Child from "../cli/Child.ts"

const python = process.env["GALATEA_PYTHON"] ?? "python3"
const script = fileURLToPath(new URL("../../clients/tritonclient_tls.py", import.meta.url))

/** Whether a program cannot be run here, which is said aloud. */
const isAbsent = (program: string, words: ReadonlyArray<string>): boolean => {
  if (spawnSync(program, words).status === 0) return false
  console.warn(`SKIPPED: ${program} ${words.join(" ")} does not work here`)
  return true
}

const noCurl = isAbsent("curl", ["--version"])
const noPython = isAbsent(python, ["-c", "import numpy, tritonclient.http, tritonclient.grpc"])

const run = (program: string, words: ReadonlyArray<string>) =>
  Effect.callback<string>((resume) => {
    const child = execFile(program, words, { timeout: 60_000 }, (_error, out, err) => resume(Effect.succeed(out + err)))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const serve = Effect.gen(function*() {
  const root = Certificates.authority("root")
  const own = Certificates.signed("server", "root", root)
  const files = yield* Child.folder({ "cert.pem": own.cert, "key.pem": own.key, "root.pem": root.cert })
  const models = yield* Child.folder({
    simple: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } }
  })
  const doors = ["http", "grpc"].flatMap((door) => [
    `--${door}-use-ssl=true`,
    `--${door}-server-cert=${join(files, "cert.pem")}`,
    `--${door}-server-key=${join(files, "key.pem")}`
  ])
  const server = yield* Child.serve([models, ...doors])
  return {
    http: `localhost:${new URL(server.url).port}`,
    grpc: `localhost:${/gRPC at \S+:(\d+)\b/.exec(server.out())![1]}`,
    authority: join(files, "root.pem")
  }
})

describe("over TLS", () => {
  it.live.skipIf(noCurl)("curl asks by either version of HTTP", () =>
    Effect.gen(function*() {
      const { authority, http } = yield* serve
      const words = ["-s", "-o", "-", "-w", " %{http_code} %{http_version}", `https://${http}/v2/models/simple/ready`]
      assert.strictEqual(yield* run("curl", ["--cacert", authority, "--http2", ...words]), " 200 2")
      assert.strictEqual(yield* run("curl", ["--cacert", authority, "--http1.1", ...words]), " 200 1.1")
      assert.strictEqual(yield* run("curl", words), " 000 0")
    }).pipe(Effect.scoped))

  it.live.skipIf(noPython)("tritonclient infers over HTTP and gRPC", () =>
    Effect.gen(function*() {
      const { authority, grpc, http } = yield* serve
      const output = yield* run(python, [script, http, grpc, authority])
      assert.match(output, /^3 passed, 0 failed$/m, output)
    }).pipe(Effect.scoped), 60_000)
})
