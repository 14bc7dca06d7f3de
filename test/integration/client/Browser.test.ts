/** The bundle of the client in a real browser, on a page of another origin than the server's. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"
import { cases } from "../../suites/clientSuite.ts"
import type { Report } from "./page.ts"
import { layerWith, Running } from "./Running.ts"

const browser = [process.env["GALATEA_BROWSER"], "chromium", "chromium-browser", "google-chrome"].find((program) =>
  program !== undefined && spawnSync(program, ["--version"]).status === 0
)
if (browser === undefined) {
  console.warn("SKIPPED: the client in a browser: no chromium found; install it, or set GALATEA_BROWSER")
}

const bundle = Effect.promise(async () => {
  const built = await rolldown({
    input: fileURLToPath(new URL("page.ts", import.meta.url)),
    platform: "browser",
    // The suite needs of the test runner only its assertions.
    resolve: { alias: { "@effect/vitest": "chai" } }
  })
  const { output } = await built.generate({ format: "esm" })
  return output[0].code
})

/** Serves the page, and completes `reported` with what it sends. */
const page = (script: string, reported: Deferred.Deferred<Report>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly origin: string; readonly close: () => void }>((resume) => {
      const server = createServer((request, response) => {
        if (request.method === "POST") {
          const chunks: Array<Buffer> = []
          request.on("data", (chunk: Buffer) => chunks.push(chunk))
          request.on("end", () => {
            response.end()
            Deferred.doneUnsafe(reported, Effect.succeed(JSON.parse(Buffer.concat(chunks).toString()) as Report))
          })
          return
        }
        const isScript = request.url === "/page.js"
        response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html")
        response.end(isScript ? script : "<!doctype html><script type=\"module\" src=\"/page.js\"></script>")
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ origin: `http://127.0.0.1:${port}`, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

/** Opens an address without a window; the browser is killed when the scope closes. */
const open = (address: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const profile = mkdtempSync(join(tmpdir(), "galatea-browser-"))
      const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
      const child = spawn(browser!, [...flags, `--user-data-dir=${profile}`, address], {
        stdio: "ignore",
        detached: true
      })
      return { child, profile }
    }),
    ({ child, profile }) =>
      Effect.promise(async () => {
        const ended = new Promise((resolve) => child.once("exit", resolve))
        // The group: a browser is several processes.
        if (child.exitCode === null) process.kill(-child.pid!, "SIGKILL")
        await ended
        rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
      })
  )

describe("the client in a browser", () => {
  it.live.skipIf(browser === undefined)(
    "passes the suite of all clients from a page of another origin",
    () =>
      Effect.gen(function*() {
        const reported = yield* Deferred.make<Report>()
        const { origin } = yield* page(yield* bundle, reported)
        yield* Effect.gen(function*() {
          const { url } = yield* Running
          yield* open(`${origin}/?server=${encodeURIComponent(url)}`)
          const report = yield* Deferred.await(reported)
          assert.deepStrictEqual(report.filter(([, failure]) => failure !== ""), [])
          assert.deepStrictEqual(report.map(([title]) => title), cases.map(([title]) => title))
        }).pipe(Effect.scoped, Effect.provide(layerWith({ httpCorsAllowOrigin: [origin] })))
      })
  )
})
