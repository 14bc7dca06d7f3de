/**
 * What runs faster on this machine's GPU, and by how much: convolutions (the shape of ResNet-50) and products of matrices, on the CPU
 * and by each execution provider that works here, with 1, 2 and 4 instances. First the answers of each are compared with the CPU's.
 * Writes a table in Markdown.
 *
 * Usage: node bench/gpu.ts [seconds of each measurement, default 3] [file for the table] [part of a model's name]
 */
import { Cause, Context, Effect, Exit, Layer, Scope } from "effect"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus, tmpdir } from "node:os"
import { join } from "node:path"
import * as OnnxExecutor from "../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../src/layers/execution/SharedTensorMemory.ts"
import type { Tensor } from "../src/schema/Inference.ts"
import { Executor, type ModelPlan, type PlannedInstance } from "../src/services/Executor.ts"
import * as Models from "../test/fixtures/onnx/Models.ts"
import * as Onnx from "../test/fixtures/onnx/OnnxWriter.ts"
import { check } from "./gpuChecks.ts"

const seconds = Number(process.argv[2] ?? 3)
const output = process.argv[3]
const wanted = process.argv[4] ?? ""
const folder = mkdtempSync(join(tmpdir(), "galatea-bench-"))

const say = (text: string) => process.stdout.write(`${text}\n`)

/** FP32 `[-1,1024]`, eight times multiplied with a matrix of 1024×1024: 16.8 MFLOP a row. */
const products = (): Uint8Array => {
  const size = 1024
  const layers = 8
  const values = Float32Array.from({ length: size * size }, (_, i) => ((i * 2654435761) % 1000 - 500) / 16_000)
  const steps = Array.from(
    { length: layers },
    (_, i) => [i === 0 ? "INPUT0" : `x${i}`, i === layers - 1 ? "OUTPUT0" : `x${i + 1}`]
  )
  return Onnx.model({
    inputs: [Onnx.tensorInfo("INPUT0", "FP32", ["batch", size])],
    outputs: [Onnx.tensorInfo("OUTPUT0", "FP32", ["batch", size])],
    nodes: steps.map(([from, to]) => Onnx.node("MatMul", [from!, "weights"], [to!])),
    initializers: [Onnx.initializer("weights", "FP32", [size, size], values)]
  })
}

interface Model {
  readonly name: string
  readonly bytes: Uint8Array
  readonly input: { readonly name: string; readonly shape: ReadonlyArray<number> }
  readonly output: { readonly name: string; readonly shape: ReadonlyArray<number> }
  readonly rows: ReadonlyArray<number>
}

const all: ReadonlyArray<Model> = [
  {
    name: "ResNet-50 shape",
    bytes: Models.resnet50Shape(),
    input: { name: "INPUT0", shape: [3, 224, 224] },
    output: { name: "OUTPUT0", shape: [1000] },
    rows: [1, 8]
  },
  {
    name: "8 products 1024×1024",
    bytes: products(),
    input: { name: "INPUT0", shape: [1024] },
    output: { name: "OUTPUT0", shape: [1024] },
    rows: [32, 512]
  }
]

const models = all.filter(({ name }) => name.includes(wanted))

const plan = (
  model: Model,
  path: string,
  provider: string,
  instances: number,
  isStrict = false
): ModelPlan => ({
  model: model.name,
  version: 1,
  path,
  inputs: [{ name: model.input.name, datatype: "FP32", shape: [-1, ...model.input.shape] }],
  outputs: [{ name: model.output.name, datatype: "FP32", shape: [-1, ...model.output.shape] }],
  batched: true,
  instances: Array.from({ length: instances }, (_, index): PlannedInstance => ({
    name: `${index}`,
    ...(provider === "cpu"
      ? { device: { kind: "CPU", id: 0 } }
      : { device: { kind: "GPU", id: 0 }, providers: [{ name: provider, options: {} }] })
  })),
  session: isStrict ? { configEntries: { "session.disable_cpu_ep_fallback": "1" } } : {}
})

const request = ({ input }: Model, rows: number): Tensor => ({
  name: input.name,
  datatype: "FP32",
  shape: [rows, ...input.shape],
  data: new Uint8Array(
    Float32Array.from({ length: input.shape.reduce((a, b) => a * b, rows) }, (_, i) => (i * 7919 % 200 - 100) / 100)
      .buffer
  )
})

const floats = (tensor: Tensor) => new Float32Array(new Uint8Array(tensor.data).buffer)

/** The greatest difference, as a share of the greatest value. */
const difference = (a: Float32Array, b: Float32Array): number => {
  let most = 0
  let scale = 1e-20
  for (let i = 0; i < a.length; i++) {
    most = Math.max(most, Math.abs(a[i]! - b[i]!))
    scale = Math.max(scale, Math.abs(a[i]!))
  }
  return Number.isNaN(most) || a.length !== b.length ? Number.POSITIVE_INFINITY : most / scale
}

const measure = Effect.fnUntraced(
  function*(executor: Executor["Service"], thePlan: ModelPlan, model: Model, rows: number) {
    const instances = yield* executor.open(thePlan)
    const input = request(model, rows)
    const run = Effect.map(instances.slots.withPermit(instances.run([input], [model.output.name])), (result) => {
      result.release()
    })
    for (let i = 0; i < 3; i++) {
      yield* Effect.all(Array.from({ length: instances.count }, () => run), { concurrency: "unbounded" })
    }
    let count = 0
    const times: Array<number> = []
    const started = performance.now()
    const client = Effect.gen(function*() {
      while (performance.now() - started < seconds * 1000) {
        const begun = performance.now()
        yield* run
        times.push(performance.now() - begun)
        count++
      }
    })
    // Two for each instance: one runs, and one lies ready.
    yield* Effect.all(Array.from({ length: instances.count * 2 }, () => client), { concurrency: "unbounded" })
    const elapsed = (performance.now() - started) / 1000
    times.sort((a, b) => a - b)
    return { perSecond: count * rows / elapsed, p50: times[Math.floor(times.length / 2)]! }
  },
  Effect.scoped
)

const machine = (): string => {
  let gpu = "no nvidia-smi"
  try {
    gpu = execFileSync("nvidia-smi", ["--query-gpu=name,driver_version", "--format=csv,noheader"], { encoding: "utf8" })
      .trim()
  } catch {
    // The table says that nothing is known.
  }
  return `${gpu}; ${availableParallelism()} cores of ${cpus()[0]?.model ?? "?"}; Node ${process.version}`
}

const main = Effect.gen(function*() {
  const context = yield* Layer.build(
    OnnxExecutor.layerWith({ gpus: {}, isolation: "process" }).pipe(Layer.provide(SharedTensorMemory.layer))
  )
  const executor = Context.get(context, Executor)
  say(JSON.stringify({ devices: executor.devices, gpus: executor.gpus }, undefined, 2))
  const providers = ["cpu", ...(executor.devices.find(({ kind }) => kind === "GPU")?.providers ?? [])]
  const lines = [
    `Machine: ${machine()}. ${seconds} s each, two callers for each instance.`,
    "",
    "| Model | rows a run | on | instances | rows/s | p50 of a run | greatest difference from the CPU |",
    "| --- | --- | --- | --- | --- | --- | --- |"
  ]
  for (const provider of providers.slice(1)) {
    const found = `${provider}: ${yield* check(executor, provider, folder)}`
    say(found)
    lines.splice(1, 0, "", found)
  }
  for (const [index, model] of models.entries()) {
    const path = join(folder, `${index}.onnx`)
    writeFileSync(path, model.bytes)
    const answer = (provider: string) =>
      Effect.scoped(Effect.gen(function*() {
        const instances = yield* executor.open(plan(model, path, provider, 1, provider !== "cpu"))
        return floats((yield* instances.run([request(model, 2)], [model.output.name])).outputs[0]!)
      }))
    const expected = yield* answer("cpu")
    for (const provider of providers) {
      const checked = yield* Effect.exit(Effect.map(answer(provider), (given) => difference(expected, given)))
      const far = Exit.isSuccess(checked)
        ? checked.value.toExponential(1)
        : String(Cause.squash(checked.cause)).replaceAll("|", " ").replaceAll("\n", " ").slice(0, 200)
      say(`${model.name} on ${provider}, nothing left to the CPU: ${far}`)
      for (const rows of model.rows) {
        for (const count of provider === "cpu" ? [1, 2] : [1, 2, 4]) {
          const measured = yield* Effect.exit(measure(executor, plan(model, path, provider, count), model, rows))
          const figures = Exit.isSuccess(measured)
            ? `${Math.round(measured.value.perSecond)} | ${measured.value.p50.toFixed(2)} ms`
            : `${String(Cause.squash(measured.cause)).replaceAll("|", " ").replaceAll("\n", " ").slice(0, 200)} |`
          const line = `| ${model.name} | ${rows} | ${provider} | ${count} | ${figures} | ${far} |`
          say(line)
          lines.push(line)
          if (output !== undefined) writeFileSync(output, `${lines.join("\n")}\n`)
        }
      }
    }
  }
})

const scope = Scope.makeUnsafe()
const exit = await Effect.runPromiseExit(Effect.provideService(main, Scope.Scope, scope))
await Effect.runPromise(Scope.close(scope, Exit.void))
rmSync(folder, { recursive: true, force: true })
if (Exit.isFailure(exit)) {
  say(Cause.pretty(exit.cause))
  process.exitCode = 1
}
