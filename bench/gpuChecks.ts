/** What must hold on a GPU before its speed means anything: every datatype comes back unchanged, and a process that dies comes back. */
import { Effect, Exit } from "effect"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as DataType from "../src/schema/DataType.ts"
import type { Executor, ModelPlan } from "../src/services/Executor.ts"
import * as Models from "../test/fixtures/onnx/Models.ts"

/** Processes that this one has started and that live. */
const children = (): ReadonlyArray<number> =>
  readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8")
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      return Number(parent) === process.pid && state !== "Z" ? [Number(name)] : []
    } catch {
      return []
    }
  })

const identity = (path: string, provider: string, datatype: DataType.DataType, instances: number): ModelPlan => ({
  model: `identity ${datatype}`,
  version: 1,
  path,
  inputs: [{ name: "INPUT0", datatype, shape: [-1] }],
  outputs: [{ name: "OUTPUT0", datatype, shape: [-1] }],
  batched: false,
  instances: Array.from({ length: instances }, (_, index) => ({
    name: `${index}`,
    device: { kind: "GPU", id: 0 },
    providers: [{ name: provider, options: {} }]
  })),
  session: {}
})

const run = Effect.fnUntraced(
  function*(executor: Executor["Service"], plan: ModelPlan, bytes: Uint8Array, length: number) {
    const instances = yield* executor.open(plan)
    const [input] = plan.inputs
    const tensor = { name: "INPUT0", datatype: input!.datatype, shape: [length], data: bytes }
    const again = Effect.map(
      instances.run([tensor], ["OUTPUT0"]),
      ({ outputs }) => Buffer.compare(Buffer.from(outputs[0]!.data), Buffer.from(bytes)) === 0
    )
    return { again }
  }
)

/** Datatypes that a provider does not carry unchanged. */
const types = (executor: Executor["Service"], provider: string, folder: string) =>
  Effect.gen(function*() {
    const wrong: Array<string> = []
    for (const { byteSize, name } of DataType.table) {
      if (DataType.table.find((row) => row.name === name)?.ort === undefined || byteSize === 0) continue
      const path = join(folder, `${name}.onnx`)
      writeFileSync(path, Models.identity(name as never, ["n"]))
      const bytes = Uint8Array.from({ length: byteSize * 1000 }, (_, i) => name === "BOOL" ? i % 2 : (i * 37 + 1) % 120)
      const exit = yield* Effect.exit(Effect.scoped(
        Effect.flatMap(run(executor, identity(path, provider, name, 2), bytes, 1000), ({ again }) =>
          Effect.all([again, again, again, again], { concurrency: "unbounded" }))
      ))
      if (Exit.isFailure(exit) || exit.value.includes(false)) {
        wrong.push(name)
      }
    }
    return wrong.length === 0 ? "every datatype unchanged" : `not unchanged: ${wrong.join(", ")}`
  })

/** Milliseconds from the death of the process of an instance to the next answer. */
const recovery = (executor: Executor["Service"], provider: string, folder: string) =>
  Effect.scoped(Effect.gen(function*() {
    const before = children()
    const bytes = new Uint8Array(4000)
    const plan = identity(join(folder, "FP32.onnx"), provider, "FP32", 1)
    const { again } = yield* run(executor, plan, bytes, 1000)
    yield* again
    const pid = children().find((one) => !before.includes(one))
    if (pid === undefined) return "its process was not found"
    process.kill(pid, "SIGSEGV")
    const killed = performance.now()
    while (!(yield* Effect.orElseSucceed(again, () => false))) yield* Effect.sleep("1 millis")
    return `answers ${Math.round(performance.now() - killed)} ms after SIGSEGV`
  }))

/** One line for each of what was tried. @category testing */
export const check = (executor: Executor["Service"], provider: string, folder: string): Effect.Effect<string> =>
  Effect.gen(function*() {
    const parts: Array<string> = []
    for (const part of [types, recovery]) {
      const exit = yield* Effect.exit(part(executor, provider, folder))
      parts.push(Exit.isSuccess(exit) ? exit.value : String(exit.cause).slice(0, 300))
    }
    return parts.join("; ")
  })
