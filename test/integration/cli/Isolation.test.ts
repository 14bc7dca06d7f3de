/** Instances in processes of their own: what a terminal, a supervisor and the end of the server do to them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { childrenOf } from "../../execution/Children.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import { eventually } from "../http/Wire.ts"
import * as Child from "./Child.ts"

const double = `export default ({ X }) => ({ Y: X })`
const config = `backend: "custom"
input { name: "X" data_type: TYPE_FP32 dims: [ -1 ] }
output { name: "Y" data_type: TYPE_FP32 dims: [ -1 ] }`

const serve = Effect.gen(function*() {
  const models = yield* Child.folder({
    simple: { 1: { "model.onnx": Models.simple() } },
    custom: { "config.pbtxt": config, 1: { "model.mjs": double } }
  })
  return yield* Child.serve([models, "--model-isolation=process", "--custom-models=local"])
})

const numbers = Array.from({ length: 16 }, (_, i) => i)
const body = (names: ReadonlyArray<string>, datatype: string, shape: ReadonlyArray<number>) => ({
  method: "POST",
  body: JSON.stringify({ inputs: names.map((name) => ({ name, shape, datatype, data: numbers })) })
})

const ask = (url: string) =>
  Effect.gen(function*() {
    const simple = yield* Child.ask(
      `${url}/v2/models/simple/infer`,
      body(["INPUT0", "INPUT1"], "INT32", [1, 16])
    )
    const custom = yield* Child.ask(`${url}/v2/models/custom/infer`, body(["X"], "FP32", [16]))
    return [simple.status, custom.status]
  })

const isGone = (pid: number) => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z")
  } catch {
    return true
  }
}

describe.runIf(process.platform === "linux")("processes of instances", () => {
  it.live("are not ended by what ends the server, but by the server", () =>
    Effect.gen(function*() {
      const server = yield* serve
      const children = childrenOf(server.process.pid!)
      assert.isAtLeast(children.length, 2)
      // As a terminal does to the whole group, and a supervisor to all that it has started.
      for (const pid of children) {
        for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.kill(pid, signal)
      }
      assert.deepStrictEqual(yield* ask(server.url), [200, 200])
      assert.sameMembers([...childrenOf(server.process.pid!)], [...children])
      server.process.kill("SIGTERM")
      assert.deepStrictEqual(yield* server.ended, { code: 0, signal: null })
      assert.isTrue(children.every(isGone))
    }).pipe(Effect.scoped), 120_000)

  it.live("end with a server that is killed, and leave nothing behind", () =>
    Effect.gen(function*() {
      const server = yield* serve
      assert.deepStrictEqual(yield* ask(server.url), [200, 200])
      const pid = server.process.pid!
      const children = childrenOf(pid)
      server.process.kill("SIGKILL")
      yield* server.ended
      yield* eventually(() => children.filter((pid) => !isGone(pid)), (left) => left.length === 0)
      assert.deepStrictEqual(readdirSync("/dev/shm").filter((name) => name.startsWith(`galatea-tensors-${pid}-`)), [])
    }).pipe(Effect.scoped), 120_000)

  it.live("what a killed server has left is removed by the next one, and nothing else", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "galatea-left-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
      )
      // A process that has ended.
      const { pid } = spawnSync(process.execPath, ["--version"])
      const names = [
        `galatea-model-${pid}-a`,
        `galatea-first-${pid}-b`,
        `galatea-model-${process.pid}-c`,
        "galatea-model-x"
      ]
      for (const name of names) mkdirSync(join(folder, name))
      const models = yield* Child.folder({ simple: { 1: { "model.onnx": Models.simple() } } })
      const server = yield* Child.serve([models], { variables: { TMPDIR: folder } })
      assert.deepStrictEqual(names.map((name) => existsSync(join(folder, name))), [false, false, true, true])
      yield* server.printed(/removed what a server that was killed has left behind/)
    }).pipe(Effect.scoped), 60_000)
})
