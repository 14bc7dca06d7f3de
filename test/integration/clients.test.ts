/** The real client libraries against the real server: each script of test/clients, on a server of its own. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { write } from "../clients/repository.ts"
import * as Traces from "../telemetry/tracefile/Traces.ts"
import * as Keys from "./access/Keys.ts"
import * as Child from "./cli/Child.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const python = process.env["GALATEA_PYTHON"] ?? "python3"

const grpcurl = process.env["GALATEA_GRPCURL"] ?? "grpcurl"
/** A Python of its own: what it needs may not stand beside what others need. */
const schemathesis = process.env["GALATEA_SCHEMATHESIS"] ?? python

/** Whether a client cannot be run here, which is said aloud. */
const isAbsent = (client: string, program: string, args: ReadonlyArray<string>, remedy: string): boolean => {
  const { error, status } = spawnSync(program, args)
  if (error === undefined && status === 0) return false
  console.warn(
    `SKIPPED: ${client}: ${error === undefined ? `${program} lacks it` : `${program} cannot be started`}: ${remedy}`
  )
  return true
}

const noPython = isAbsent(
  "tritonclient",
  python,
  ["-c", "import numpy, tritonclient.http, tritonclient.http.aio, tritonclient.grpc, tritonclient.grpc.aio"],
  "pip install \"tritonclient[http,grpc]\" numpy, or set GALATEA_PYTHON"
)
const noSharedMemory = isAbsent("shared memory", "test", ["-w", "/dev/shm"], "Linux has it at /dev/shm")
const noGrpcurl = isAbsent(
  "grpcurl",
  grpcurl,
  ["--version"],
  "go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3, or set GALATEA_GRPCURL"
)

const noSchemathesis = isAbsent(
  "schemathesis",
  schemathesis,
  ["-c", "import schemathesis"],
  "pip install schemathesis==4.32.5, or set GALATEA_SCHEMATHESIS to a python that has it"
)

interface Finished {
  readonly code: number | null
  readonly output: string
}

/** Runs a program to its end; interruption kills it. */
const run = (program: string, args: ReadonlyArray<string>): Effect.Effect<Finished> =>
  Effect.callback<Finished>((resume) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] })
    const chunks: Array<Buffer> = []
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.on("error", (error) => resume(Effect.die(error)))
    child.on("close", (code) => resume(Effect.succeed({ code, output: Buffer.concat(chunks).toString("utf8") })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const repository = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "galatea-clients-"))
    write(folder)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

const isReady = (url: string) =>
  Effect.promise(() => fetch(`${url}/v2/health/ready`).then(({ status }) => status === 200, () => false))

/** A started server on the clients' repository, as its addresses; stopped with SIGTERM when the scope closes. */
const server = Effect.fnUntraced(function*(options: ReadonlyArray<string>) {
  const port = yield* Child.freePort
  const grpcPort = yield* Child.freePort
  const folder = yield* repository
  const log: Array<Buffer> = []
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const args = [
        "src/main.ts",
        "serve",
        "--model-repository",
        folder,
        "--http-port",
        String(port),
        "--grpc-port",
        String(grpcPort),
        "--metrics-port=0",
        ...options
      ]
      const started = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] })
      started.stdout.on("data", (chunk: Buffer) => log.push(chunk))
      started.stderr.on("data", (chunk: Buffer) => log.push(chunk))
      return started
    }),
    (started) =>
      Effect.promise(async () => {
        if (hasEnded(started)) return
        started.kill("SIGTERM")
        await once(started, "exit")
      })
  )
  while (!(yield* isReady(`http://127.0.0.1:${port}`))) {
    if (hasEnded(child)) {
      const how = child.exitCode ?? child.signalCode
      return yield* Effect.die(new Error(`the server ended with ${how}:\n${Buffer.concat(log).toString()}`))
    }
    yield* Effect.sleep("50 millis")
  }
  return { http: `127.0.0.1:${port}`, grpc: `127.0.0.1:${grpcPort}`, folder }
})

const assertPassed = ({ code, output }: Finished): void => {
  assert.match(output.trimEnd().split("\n").at(-1)!, /^\d+ passed, 0 failed$/, output)
  assert.strictEqual(code, 0, output)
}

/** A script of test/clients passes against an address of a server of its own. */
const passes = (program: string, script: string, protocol: "http" | "grpc") =>
  Effect.gen(function*() {
    const addresses = yield* server([])
    assertPassed(yield* run(program, [`test/clients/${script}`, addresses[protocol]]))
  }).pipe(Effect.scoped)

/** Loads and unloads on a server in control mode explicit. */
const controls = (protocol: "http" | "grpc") =>
  Effect.gen(function*() {
    const addresses = yield* server(["--model-control-mode=explicit", "--load-model=simple"])
    const script = "test/clients/tritonclient_control.py"
    assertPassed(yield* run(python, [script, protocol, addresses[protocol], addresses.folder]))
  }).pipe(Effect.scoped)

describe("clients", () => {
  it.live.skipIf(noPython)(
    "tritonclient for Python drives the HTTP endpoint",
    () => passes(python, "tritonclient_http.py", "http")
  )

  it.live.skipIf(noPython)(
    "tritonclient for Python drives the gRPC endpoint",
    () => passes(python, "tritonclient_grpc.py", "grpc")
  )

  it.live.skipIf(noPython)(
    "tritonclient for Python loads and unloads models over HTTP",
    () => controls("http")
  )

  it.live.skipIf(noPython)(
    "tritonclient for Python loads and unloads models over gRPC",
    () => controls("grpc")
  )

  for (const protocol of ["http", "grpc"] as const) {
    it.live.skipIf(noPython)(
      `tritonclient for Python changes what is traced over ${protocol}`,
      () =>
        Effect.gen(function*() {
          const file = join(yield* Traces.folder, "trace.json")
          const addresses = yield* server([`--trace-config=triton,file=${file}`])
          assertPassed(yield* run(python, ["test/clients/tritonclient_trace.py", protocol, addresses[protocol], file]))
        }).pipe(Effect.scoped)
    )

    it.live.skipIf(noPython)(
      `tritonclient for Python drives sequences over ${protocol}`,
      () =>
        Effect.gen(function*() {
          const addresses = yield* server([])
          assertPassed(yield* run(python, ["test/clients/tritonclient_sequence.py", protocol, addresses[protocol]]))
        }).pipe(Effect.scoped)
    )

    it.live.skipIf(noPython || noSharedMemory)(
      `tritonclient for Python moves tensors through shared memory over ${protocol}`,
      () =>
        Effect.gen(function*() {
          const addresses = yield* server(["--allow-client-shm=true"])
          assertPassed(yield* run(python, ["test/clients/tritonclient_shm.py", protocol, addresses[protocol]]))
        }).pipe(Effect.scoped)
    )

    it.live.skipIf(noPython)(
      `tritonclient for Python sends API keys over ${protocol}`,
      () =>
        Effect.gen(function*() {
          const addresses = yield* server([`--api-keys-file=${yield* Keys.fileOf([
            Keys.entry("all", ["*"], ["infer", "read"]),
            Keys.entry("reader", ["*"], ["read"])
          ])}`])
          const words = [addresses[protocol], Keys.textOf("all"), Keys.textOf("reader")]
          assertPassed(yield* run(python, ["test/clients/tritonclient_access.py", protocol, ...words]))
        }).pipe(Effect.scoped)
    )

    it.live.skipIf(noPython)(
      `tritonclient for Python changes the log over ${protocol}`,
      () =>
        Effect.gen(function*() {
          const addresses = yield* server([])
          assertPassed(yield* run(python, ["test/clients/tritonclient_logging.py", protocol, addresses[protocol]]))
        }).pipe(Effect.scoped)
    )
  }

  it.live.skipIf(noSchemathesis)(
    "schemathesis finds the HTTP endpoint to be as its OpenAPI document says",
    () =>
      Effect.gen(function*() {
        const addresses = yield* server([])
        assertPassed(yield* run(schemathesis, ["test/clients/schemathesis_http.py", addresses.http, "4", "simple"]))
      }).pipe(Effect.scoped)
  )

  it.live.skipIf(noGrpcurl)(
    "grpcurl drives the gRPC endpoint",
    () => passes(process.execPath, "grpcurl.ts", "grpc")
  )
})
