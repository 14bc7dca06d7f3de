/** The commands as a user runs them: `check`, bare files, signals, help, and the launcher on a Node that is too old. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { connect } from "node:net"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Child from "./Child.ts"

const launcher = fileURLToPath(new URL("../../../bin/galatea.js", import.meta.url))

const good = { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } }

describe("galatea check", () => {
  it.live("succeeds when every model can be served, and prints their final configs", () =>
    Effect.scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ simple: good })
      const { code, err, out } = yield* Child.run(["check", models, "--print-config"])
      assert.strictEqual(code, 0)
      assert.strictEqual(err, "")
      assert.include(out, "| simple | 1       | OK     |        |\n")
      assert.include(out, "# simple version 1\nname: \"simple\"\n")
      assert.include(out, "name: \"INPUT0\"\n  data_type: TYPE_INT32\n  dims: [ 16 ]\n")
    })))

  it.live("shows where a config is wrong, and fails", () =>
    Effect.scoped(Effect.gen(function*() {
      const models = yield* Child.folder({
        good,
        typo: { ...good, "config.pbtxt": "max_batch_size: 8\nplatfrom: \"onnxruntime_onnx\"\n" },
        broken: { 1: { "model.onnx": "no model" } }
      })
      const { code, err, out } = yield* Child.run(["check", models])
      assert.strictEqual(code, 1)
      assert.strictEqual(err, "")
      assert.include(out, "   2 | platfrom: \"onnxruntime_onnx\"\n     | ^^^^^^^^\n")
      assert.match(out, /did you mean "platform"\?/i)
      assert.match(out, /\| broken \| 1 +\| FAILED \| /)
      assert.include(out, "1 of 3 can be served, 2 failed.\n")
    })))

  it.live("fails in a sentence where there is no repository", () =>
    Effect.gen(function*() {
      const { code, err, out } = yield* Child.run(["check", "/nowhere/at/all"])
      assert.strictEqual(code, 1)
      assert.strictEqual(out, "")
      assert.match(err, /^galatea check: .*'\/nowhere\/at\/all'.*\n$/)
    }))
})

describe("galatea serve", () => {
  it.live("serves a bare file, and the commands that it prints work", () =>
    Effect.scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ "adder.onnx": Models.simple() })
      for (const path of [join(models, "adder.onnx"), models]) {
        const server = yield* Child.serve([path])
        const commands = server.out().split("\n").filter((line) => line.startsWith("  curl ")).map((line) =>
          line.trim()
        )
        assert.strictEqual(commands.length, 3)
        const [ready, metadata, infer] = commands.map((command) =>
          execFileSync("/bin/sh", ["-c", command], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
        )
        assert.match(ready!, /^HTTP\/1\.1 200 /)
        assert.strictEqual(JSON.parse(metadata!).name, "adder")
        assert.deepStrictEqual(JSON.parse(infer!).outputs[0].data, Array.from({ length: 16 }, (_, i) => 2 * i))
      }
    })))

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it.live(`exits with 0 on ${signal}, although a client keeps its connection open`, () =>
      Effect.scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: good })
        // Longer than this test may take: the server must not wait for the connection.
        const server = yield* Child.serve([models, "--exit-timeout-secs=600"])
        const { hostname, port } = new URL(server.url)
        const socket = connect(Number(port), hostname)
        socket.on("error", () => {})
        yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
        yield* Effect.callback<void>((resume) => {
          socket.once("data", () => resume(Effect.void))
          socket.write("GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        })
        server.process.kill(signal)
        assert.deepStrictEqual(yield* server.ended, { code: 0, signal: null })
        assert.include(server.out(), `${signal} received`)
      })))
  }

  it.live("exits at once on a second signal", () =>
    Effect.scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ simple: good })
      const server = yield* Child.serve([models, "--exit-receive-timeout-ms=600000", "--exit-timeout-secs=600"])
      // A request that never ends keeps the server from ending.
      yield* Child.halfSent(server.url, "/v2/models/simple/infer")
      server.process.kill("SIGTERM")
      yield* server.printed(/SIGTERM received/)
      server.process.kill("SIGTERM")
      assert.deepStrictEqual(yield* server.ended, { code: 143, signal: null })
    })))

  it.live("exits with 0 on a signal while it still loads", () =>
    Effect.scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ late: { "config.pbtxt": "backend: \"onnxruntime\"\n", 1: {} } })
      // The version never comes, so loading goes on.
      const server = yield* Child.start([
        "serve",
        models,
        "--http-port=0",
        "--grpc-port=0",
        "--metrics-port=0",
        "--model-load-retry-count=2000000000"
      ])
      yield* server.printed(/"loading: late:1"/)
      server.process.kill("SIGTERM")
      assert.deepStrictEqual(yield* server.ended, { code: 0, signal: null })
    })))

  it.live("writes no escape codes where standard output is no terminal", () =>
    Effect.scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ simple: good })
      const server = yield* Child.serve([models])
      assert.notInclude(server.out() + server.err(), "\x1b")
    })))
})

describe("the command line", () => {
  it.live("prints help to standard output and exits with 0", () =>
    Effect.gen(function*() {
      for (const words of [["--help"], ["serve", "--help"], ["check", "-h"], []]) {
        const { code, err, out } = yield* Child.run(words)
        assert.strictEqual(code, 0)
        assert.strictEqual(err, "")
        assert.include(out, "USAGE\n  galatea")
      }
    }))

  it.live("prints a bad option to standard error and exits with 1", () =>
    Effect.gen(function*() {
      const { code, err, out } = yield* Child.run(["serve", "--exit-on-error=perhaps"])
      assert.strictEqual(code, 1)
      assert.strictEqual(out, "")
      assert.match(
        err,
        /^Usage: galatea serve .*\n[^]*\nBad option: "--exit-on-error"\.\ninvalid value for bool option: perhaps\n$/
      )
    }))
})

/** Every `node` on the path, with its version. */
const nodes = (process.env["PATH"] ?? "").split(delimiter).flatMap((folder) => {
  try {
    const program = join(folder, "node")
    return [{ program, version: execFileSync(program, ["--version"], { encoding: "utf8" }).trim() }]
  } catch {
    return []
  }
})

describe("bin/galatea.js", () => {
  it.live("runs the command line", () =>
    Effect.gen(function*() {
      const { code, out } = yield* Child.run(["--version"], { program: [process.execPath, launcher] })
      assert.strictEqual(code, 0)
      assert.match(out, /^galatea \d+\.\d+\.\d+/)
    }))

  const settings = (variables: Readonly<Record<string, string>>) =>
    Effect.scoped(Effect.gen(function*() {
      const models = yield* Child.folder({})
      const server = yield* Child.start(
        ["serve", models, "--http-port=0", "--allow-grpc=false", "--allow-metrics=false"],
        { program: [process.execPath, launcher], variables }
      )
      yield* server.printed(/^Listening for HTTP/m)
      const of = (file: string) => readFileSync(`/proc/${server.process.pid}/${file}`, "utf8").split("\0")
      return [
        ...of("cmdline").filter((word) => /semi.space/.test(word)),
        ...of("environ").filter((setting) => /^(MALLOC|GLIBC)/.test(setting)).sort()
      ]
    }))

  it.live.skipIf(process.platform !== "linux")(
    "serves with memory that goes back to the system, unless told otherwise",
    () =>
      Effect.gen(function*() {
        const young = "--max-semi-space-size=8"
        const memory = [
          "GLIBC_TUNABLES=glibc.malloc.hugetlb=1",
          "MALLOC_ARENA_MAX=2",
          "MALLOC_MMAP_THRESHOLD_=1048576",
          "MALLOC_TRIM_THRESHOLD_=4194304"
        ]
        assert.deepStrictEqual(yield* settings({}), [young, ...memory])
        const own = "MALLOC_MMAP_THRESHOLD_"
        assert.deepStrictEqual(yield* settings({ [own]: "65536" }), [young, `${own}=65536`])
        const pages = "GLIBC_TUNABLES=glibc.malloc.hugetlb=0"
        assert.deepStrictEqual(yield* settings({ GLIBC_TUNABLES: "glibc.malloc.hugetlb=0" }), [young, pages])
        assert.deepStrictEqual(yield* settings({ NODE_OPTIONS: "--max-semi-space-size=32" }), memory)
      })
  )

  it.live("serves without a place in the code being taken for one that makes old objects, unless told otherwise", () =>
    Effect.gen(function*() {
      const places = (...flags: ReadonlyArray<string>) =>
        Effect.scoped(Effect.gen(function*() {
          const models = yield* Child.folder({})
          const server = yield* Child.start(
            ["serve", models, "--http-port=0", "--allow-grpc=false", "--allow-metrics=false"],
            { program: [process.execPath, "--trace-pretenuring-statistics", ...flags, launcher] }
          )
          yield* server.printed(/Listening for HTTP/)
          return server.out().match(/AllocationSite/g)?.length ?? 0
        }))
      assert.strictEqual(yield* places(), 0)
      assert.isAbove(yield* places("--allocation-site-pretenuring"), 0)
    }))

  const old = nodes.find(({ version }) => Number(version.slice(1).split(".")[0]) < 22)
  if (old === undefined) {
    console.warn("SKIPPED: bin/galatea.js on an old Node: none older than 22 is on the path")
  }
  it.live.skipIf(old === undefined)("says what to do on a Node that is too old", () =>
    Effect.gen(function*() {
      const { code, err, out } = yield* Child.run(["serve", "models"], { program: [old!.program, launcher] })
      assert.strictEqual(code, 1)
      assert.strictEqual(out, "")
      assert.include(err, `galatea needs Node.js 22.19 or newer; this is Node.js ${old!.version.slice(1)}`)
      assert.include(err, "npx -p node@24 galatea serve models")
    }))
})
