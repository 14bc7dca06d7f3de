/** Sees the effect of every option of GPUs on a started server, where this machine can have one; of those that need none everywhere. */
import { assert, describe } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { execFileSync } from "node:child_process"
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import * as SwiftShader from "../../execution/gpu/SwiftShader.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as NvidiaSmi from "../monitoring/NvidiaSmi.ts"
import * as Child from "./Child.ts"
import type { Test } from "./GrpcOptions.ts"

const batches = "max_batch_size: 8\n"
const model = (config: string): Child.Files => ({ "config.pbtxt": config, 1: { "model.onnx": Models.simple() } })

const data = Array.from({ length: 16 }, (_, i) => i)
const inputs = ["INPUT0", "INPUT1"].map((name) => ({ name, shape: [1, 16], datatype: "INT32", data }))

/** A machine whose one GPU is old, and nearly full. */
const oldGpu = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "galatea-old-gpu-"))
  const path = join(folder, "nvidia-smi")
  writeFileSync(path, "#!/bin/sh\necho '0, GPU-1, Old, 6.1, 1000, 900, 0, 10, 20'\n")
  chmodSync(path, 0o755)
  return folder
}

const withProgram = (folder: string) => ({ PATH: `${folder}${delimiter}${process.env["PATH"]}` })

/** Registers the tests. */
export const gpuOptions = (test: Test): void => {
  const within = (effect: Effect.Effect<void, never, Scope.Scope>) => () => Effect.scoped(effect)
  const groups = (url: string, name: string) =>
    Effect.map(
      Child.ask(`${url}/v2/models/${name}/config`),
      ({ text }) =>
        JSON.parse(text).instance_group.map(({ count, gpus, kind }: Record<string, unknown>) => ({ count, gpus, kind }))
    )

  describe("options of GPUs", () => {
    test(
      "decide whether their metrics are offered",
      ["allow-gpu-metrics"],
      within(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: model(batches) })
        const variables = withProgram(yield* NvidiaSmi.folder)
        const metricsOf = (server: { readonly out: () => string }) =>
          Effect.map(Child.ask(/metrics at (\S+)/.exec(server.out())![1]!), ({ text }) => text)
        const on = yield* Child.serve([models, "--metrics-interval-ms=10"], { variables })
        yield* NvidiaSmi.seen(metricsOf(on))
        assert.include(yield* metricsOf(on), "nv_gpu_power_usage{gpu_uuid=\"GPU-0123\"} 100.5\n")
        const off = yield* Child.serve([models, "--metrics-interval-ms=10", "--allow-gpu-metrics=false"], { variables })
        yield* Effect.sleep("200 millis")
        assert.notInclude(yield* metricsOf(off), "nv_gpu_")
      }))
    )

    const { variables } = SwiftShader
    const names = ["gpu", "gpu-probe-timeout-secs", "min-supported-compute-capability", "model-load-gpu-limit"]
    if (variables === undefined) {
      test("are not tried without SwiftShader", names, () => Effect.void)
      return
    }

    test(
      "decide whether models run on them",
      ["gpu"],
      within(Effect.gen(function*() {
        const models = yield* Child.folder({
          open: model(batches),
          twice: model(`${batches}instance_group { kind: KIND_GPU count: 2 gpus: 0 }`),
          mixed: model(`${batches}instance_group [ { kind: KIND_GPU }, { kind: KIND_CPU count: 1 } ]`)
        })
        const on = yield* Child.serve([models], { variables })
        assert.include(on.out(), "GPU 0: runs models by webgpu")
        assert.deepStrictEqual(yield* groups(on.url, "open"), [{ count: 1, gpus: [0], kind: "KIND_GPU" }])
        assert.deepStrictEqual(yield* groups(on.url, "twice"), [{ count: 2, gpus: [0], kind: "KIND_GPU" }])
        assert.deepStrictEqual(yield* groups(on.url, "mixed"), [
          { count: 1, gpus: [0], kind: "KIND_GPU" },
          { count: 1, gpus: [], kind: "KIND_CPU" }
        ])
        for (const name of ["open", "twice", "mixed"]) {
          const { status, text } = yield* Child.ask(`${on.url}/v2/models/${name}/infer`, {
            method: "POST",
            body: JSON.stringify({ inputs })
          })
          assert.strictEqual(status, 200, text)
          assert.deepStrictEqual(JSON.parse(text).outputs[0].data, data.map((value) => value * 2))
        }

        const off = yield* Child.serve([models, "--gpu=off", "--exit-on-error=false"], { variables })
        assert.deepStrictEqual(yield* groups(off.url, "open"), [{ count: 2, gpus: [], kind: "KIND_CPU" }])
        assert.include(off.out(), "has kind KIND_GPU but server does not support GPUs")
      }))
    )

    test(
      "end what looks for them",
      ["gpu-probe-timeout-secs"],
      within(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: model(batches) })
        // Whoever opens it waits for somebody who writes into it.
        const driver = join(mkdtempSync(join(tmpdir(), "galatea-fifo-")), "driver.json")
        execFileSync("mkfifo", [driver])
        const server = yield* Child.serve([models, "--gpu-probe-timeout-secs=2"], {
          variables: { ...variables, VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver }
        })
        assert.include(server.err() + server.out(), "trying webgpu, a process did not answer within 2s")
        assert.deepStrictEqual(yield* groups(server.url, "simple"), [{ count: 2, gpus: [], kind: "KIND_CPU" }])
      }))
    )

    test(
      "leave out what is old, and models that it has no room for",
      ["min-supported-compute-capability", "model-load-gpu-limit"],
      within(Effect.gen(function*() {
        const models = yield* Child.folder({
          simple: model(`${batches}instance_group { kind: KIND_GPU }`),
          // There is always something to try.
          other: model(`${batches}instance_group { kind: KIND_CPU }`)
        })
        const machine = { variables: { ...variables, ...withProgram(oldGpu()) } }
        const refused = (...options: ReadonlyArray<string>) =>
          Effect.map(Child.serve([models, "--exit-on-error=false", ...options], machine), (server) => server.out())
        assert.match(
          yield* refused("--min-supported-compute-capability=7.5"),
          /has kind KIND_GPU but specifies no GPUs: its compute capability 6\.1 is less than 7\.5/
        )
        const full =
          "can not create model 'simple_0_0': memory limit set for GPU 0 has exceeded, model loading is rejected."
        assert.include(yield* refused("--model-load-gpu-limit=0:0.5"), full)
        const enough = yield* refused("--model-load-gpu-limit=0:0.95", "--min-supported-compute-capability=6.1")
        assert.notInclude(enough, full)
        assert.include(enough, "GPU 0 (Old, 1 GiB, compute capability 6.1): runs models by webgpu")
      }))
    )
  })
}
