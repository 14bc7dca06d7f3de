/**
 * How much of what requests leave behind grows old: bytes that the main thread's collector of young objects moves into the old part of the
 * heap, and bytes that it moves at all, for each request. What is left after a request should be some bytes; hundreds tell of a `Set` or a
 * `Map` that lives long and whose size goes up and down (see `src/layers/Roster.ts`), a thousand and more also of a process that was not
started by the launcher (`--no-allocation-site-pretenuring`, see docs/performance.md).
 *
 * Usage: node bench/promotion.ts [seconds of a load=4] [part of a load's name], after npm run build
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Models from "../test/fixtures/onnx/Models.ts"
import * as ensembleModels from "./ensembleModels.ts"
import { drive, type Outcome } from "./load.ts"
import * as models from "./models.ts"
import * as requests from "./requests.ts"
import * as rpcRequests from "./rpcRequests.ts"
import * as sequenceModels from "./sequenceModels.ts"
import { start, type Started } from "./server.ts"
import { driveSteps } from "./steps.ts"

const seconds = Number(process.argv[2] ?? 4)
const wanted = process.argv[3] ?? ""
const connections = 32

const folder = mkdtempSync(join(tmpdir(), "galatea-promotion-"))
const log = join(folder, "collections")

const repository = ensembleModels.repository(sequenceModels.repository(join(folder, "models")))
models.batchingRepository(repository)
const io = [
  models.io("input", [["INPUT0", "INT32", "16"], ["INPUT1", "INT32", "16"]]),
  models.io("output", [["OUTPUT0", "INT32", "16"], ["OUTPUT1", "INT32", "16"]])
].join("\n")
models.write(
  repository,
  "cached",
  Models.simple(),
  `backend: "onnxruntime" max_batch_size: 64 ${io} dynamic_batching { } response_cache { enable: true }`
)
/** Two steps that run beside each other, no more than eight requests in each. */
const side = (step: string, output: string) =>
  `step { model_name: "${step}" model_version: -1
  input_map { key: "INPUT0" value: "INPUT0" } input_map { key: "INPUT1" value: "INPUT1" }
  output_map { key: "${output}" value: "${output}" } }`
const beside = (more: string) =>
  `platform: "ensemble" max_batch_size: 64 ${io} ensemble_scheduling { ${side("first", "OUTPUT0")} ${
    side("second", "OUTPUT1")
  } ${more} }`
models.ensemble(repository, "beside", beside(""))
models.ensemble(
  repository,
  "in_turn",
  beside("max_inflight_requests: 8")
)

interface Load {
  readonly name: string
  readonly drive: (server: Started) => Promise<Outcome>
}

const of = (
  name: string,
  model: string,
  request: requests.BinaryRequest,
  turns?: ReadonlyArray<Uint8Array>
): Load => ({
  name,
  drive: ({ url }) =>
    drive({ ...request, ...turns && { turns }, url: `${url}/v2/models/${model}/infer`, connections, seconds })
})

const steps = (name: string, model: string): Load => ({
  name,
  drive: ({ url }) => driveSteps({ url, model, step: requests.step, sequences: connections, seconds }, (load) => load())
})

const timeout = { timeout: 2_000_000 }
const timed = requests.binaryRequest(requests.simpleInputs(), timeout)
const differing = (parameters: requests.Parameters, each: number) =>
  Array.from({ length: 20_000 }, (_, i) =>
    requests.binaryRequest(
      requests.simpleInputs().map((input) => ({ ...input, data: new Int32Array(16).fill(Math.floor(i / each)) })),
      parameters
    ).body)

const all: ReadonlyArray<Load> = [
  of("simple", "simple_direct", requests.simple()),
  of("dynamic batching", "simple_batched", requests.simple()),
  of("dynamic batching, with deadlines", "simple_batched", timed),
  of("ensemble, one step after the other", "three", requests.simple()),
  of("ensemble, two steps beside each other", "beside", requests.simple()),
  of("ensemble, bounded steps", "in_turn", requests.simple()),
  steps("sequences, oldest", "running_oldest"),
  steps("sequences, direct", "running_direct"),
  of("cache, hits", "cached", requests.simple()),
  of("cache, misses", "cached", requests.simple(), differing({}, 1)),
  of("cache, followers with deadlines", "cached", timed, differing(timeout, 8)),
  {
    name: "RPC",
    drive: ({ url }) => drive({ ...rpcRequests.simple(), url: `${url}/rpc`, connections, seconds })
  }
]

writeFileSync(log, "")
const server = await start(repository, ["--log-info=false", "--cache-config=local,size=1048576"], {
  variables: { GALATEA_COLLECTIONS: log },
  nodeFlags: ["--trace-gc-nvp", `--import=${fileURLToPath(new URL("./memory/collectionLog.js", import.meta.url))}`]
})
/** Sums a field over the collections of young objects on the main thread since so many characters of the log. */
const collected = (from: number) => {
  const lines = readFileSync(log, "latin1").slice(from).split("\n")
  const main = /^\[\d+:(0x[0-9a-f]+)/.exec(readFileSync(log, "latin1"))?.[1]
  const young = lines.filter((line) => line.includes(`:${main}`) && / gc=s /.test(line))
  const sum = (field: string) =>
    young.reduce((total, line) => total + Number(new RegExp(`\\b${field}=(\\d+)`).exec(line)?.[1] ?? 0), 0)
  const old = lines.filter((line) => line.includes(`:${main}`) && / gc=mc /.test(line))
  return { promoted: sum("promoted"), moved: sum("new_space_survived"), young: young.length, old: old.length }
}

try {
  await new Promise((resolve) => setTimeout(resolve, 2500))
  process.stdout.write(
    "| load | requests | grown old, B/request | moved, B/request | young, old collections |\n| --- | --- | --- | --- | --- |\n"
  )
  for (const load of all.filter(({ name }) => name.includes(wanted))) {
    await load.drive(server)
    const from = readFileSync(log, "latin1").length
    const { requests: count } = await load.drive(server)
    const { moved, old, promoted, young } = collected(from)
    process.stdout.write(
      `| ${load.name} | ${count} | ${(promoted / count).toFixed(0)} | ${
        (moved / count).toFixed(0)
      } | ${young}, ${old} |\n`
    )
  }
} finally {
  await server.stop()
  rmSync(folder, { recursive: true })
}
