import { assert, describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll } from "vitest"
import * as GpuDiscovery from "../../../src/layers/execution/GpuDiscovery.ts"
import type { Line } from "../../../src/layers/execution/internal/gpu/GpuProbeProgram.ts"
import type { Machine } from "../../../src/layers/execution/internal/gpu/GpuTraces.ts"

const folder = mkdtempSync(join(tmpdir(), "galatea-gpus-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let programs = 0
/** A program in the place of the one that tries GPUs. */
const program = (text: string): URL => {
  const path = join(folder, `${programs++}.mjs`)
  writeFileSync(path, text)
  return pathToFileURL(path)
}

/** One that says these lines and ends. */
const saying = (...lines: ReadonlyArray<Line>) =>
  program(lines.map((line) => `console.log(${JSON.stringify(JSON.stringify(line))})\n`).join(""))

const withDriver: Machine = {
  platform: "linux",
  environment: {},
  exists: (path) => path === "/dev/nvidiactl",
  names: () => []
}

const discover = Effect.fnUntraced(function*(options: GpuDiscovery.Options) {
  const found = yield* GpuDiscovery.discover({ machine: withDriver, environment: { PATH: "" }, ...options }).pipe(
    Effect.provideService(References.CurrentLoggers, new Set())
  )
  return found
})

const providers: Line = { _tag: "Providers", names: ["cpu", "cuda", "tensorrt", "webgpu"] }

/** Two GPUs, one of them old. */
const nvidiaSmi = (): string => {
  const bin = mkdtempSync(join(folder, "bin-"))
  const path = join(bin, "nvidia-smi")
  writeFileSync(
    path,
    "#!/bin/sh\n" +
      "echo '0, GPU-aaaa, NVIDIA H100, 9.0, 81559, 1, 0, 70.5, 700.00'\n" +
      "echo '1, GPU-bbbb, Tesla P40, 6.1, 24576, 1, [N/A], [N/A], 250.00'\n"
  )
  chmodSync(path, 0o755)
  return bin
}

describe("GpuDiscovery", () => {
  it.effect("starts no process where nothing tells of a GPU", () =>
    Effect.gen(function*() {
      const started = join(folder, "started")
      const { devices, support } = yield* discover({
        machine: { ...withDriver, exists: () => false },
        program: program(`import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(started)}, "")`)
      })
      assert.deepStrictEqual(devices, [])
      assert.include(support.remark!, "no trace of a GPU's driver is there (/dev/nvidiactl, ")
      assert.throws(() => chmodSync(started, 0o600))
    }))

  it.effect("has a device for each number, with the providers that work on it and what the driver says", () =>
    Effect.gen(function*() {
      const { devices, support } = yield* discover({
        environment: { PATH: nvidiaSmi() },
        minimumComputeCapability: 7.5,
        program: saying(
          providers,
          { _tag: "Works", provider: "cuda", id: 0 },
          { _tag: "Works", provider: "cuda", id: 1 },
          { _tag: "Fails", provider: "cuda", id: 2, reason: "invalid device" },
          { _tag: "Fails", provider: "tensorrt", id: 0, reason: "Failed to load shared library" },
          { _tag: "Works", provider: "webgpu", id: 0 }
        )
      })
      assert.deepStrictEqual(devices, [
        {
          kind: "GPU",
          id: 0,
          providers: ["cuda", "webgpu"],
          name: "NVIDIA H100",
          uuid: "GPU-aaaa",
          memoryBytes: 81559 * 1024 ** 2,
          computeCapability: "9.0"
        },
        {
          kind: "GPU",
          id: 1,
          providers: ["cuda"],
          name: "Tesla P40",
          uuid: "GPU-bbbb",
          memoryBytes: 24576 * 1024 ** 2,
          computeCapability: "6.1",
          unusable: "its compute capability 6.1 is less than 7.5"
        }
      ])
      assert.isUndefined(support.missing["cuda"])
      assert.match(
        support.missing["tensorrt"]!,
        /^Failed to load shared library; install its libraries \(.+cuDNN and TensorRT/
      )
      assert.match(support.missing["dml"]!, /on Windows only/)
    }))

  it.effect("takes a crash for a provider that does not work, and tries the others in another process", () =>
    Effect.gen(function*() {
      const { devices, support } = yield* discover({
        program: program(`
          const say = (line) => console.log(JSON.stringify(line))
          say(${JSON.stringify(providers)})
          const skipped = process.argv.slice(2)
          if (!skipped.includes("cuda")) {
            say({ _tag: "Trying", provider: "cuda", id: 0 })
            say({ _tag: "Works", provider: "cuda", id: 0 })
            say({ _tag: "Trying", provider: "cuda", id: 1 })
            setTimeout(() => process.kill(process.pid, "SIGSEGV"), 20)
            setInterval(() => {}, 1000)
          } else {
            say({ _tag: "Trying", provider: "webgpu", id: 0 })
            say({ _tag: "Works", provider: "webgpu", id: 0 })
          }
        `)
      })
      assert.deepStrictEqual(devices, [{ kind: "GPU", id: 0, providers: ["webgpu"] }])
      assert.match(support.missing["cuda"]!, /^a process that tried it ended with SIGSEGV; install/)
    }))

  it.live("ends one that does not answer", () =>
    Effect.gen(function*() {
      const { devices, support } = yield* discover({
        timeout: "4 seconds",
        program: program(`
          const say = (line) => console.log(JSON.stringify(line))
          say(${JSON.stringify(providers)})
          if (!process.argv.includes("webgpu")) {
            say({ _tag: "Trying", provider: "webgpu", id: 0 })
            setInterval(() => {}, 1000)
          }
        `)
      })
      assert.deepStrictEqual(devices, [])
      assert.match(support.missing["webgpu"]!, /^a process that tried it did not answer within 4s; install/)
      assert.include(support.remark!, "webgpu: a process that tried it did not answer")
    }))

  it.effect("does without GPUs where the program does not even start", () =>
    Effect.gen(function*() {
      const { devices, support } = yield* discover({ program: program("throw new Error('no addon')") })
      assert.deepStrictEqual(devices, [])
      assert.include(support.remark!, "the process that looks for GPUs ended with exit code 1")
    }))

  it.effect("says in plain words what this machine lacks, having really tried", () =>
    Effect.gen(function*() {
      const { devices, support } = yield* discover({
        environment: { ...process.env, VK_ICD_FILENAMES: join(folder, "none.json"), VK_DRIVER_FILES: "" }
      })
      assert.deepStrictEqual(devices.filter(({ providers }) => providers?.includes("webgpu")), [])
      assert.match(
        support.missing["webgpu"]!,
        /^(libvulkan\.so\.1: cannot open|Failed to get a WebGPU adapter|this build of)/
      )
    }))
})
