import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, readFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import * as NvidiaSmi from "../src/layers/NvidiaSmi.ts"
import * as TemporaryRepository from "./repository/TemporaryRepository.ts"

const program = Effect.fnUntraced(function*(script: string) {
  const folder = yield* TemporaryRepository.make({ "nvidia-smi": `#!/bin/sh\n${script}\n` })
  chmodSync(join(folder, "nvidia-smi"), 0o755)
  return folder
})

describe("nvidia-smi", () => {
  it("is read with what it does not tell left out", () => {
    assert.deepStrictEqual(
      NvidiaSmi.parse(
        "0, GPU-1, NVIDIA H100 80GB HBM3, 9.0, 81559, 1024, 25, 70.52, 700.00\n" +
          "1, GPU-2, Old, [N/A], [Not Supported], , 5, [Unknown Error], 12\n" +
          "Some warning\n"
      ),
      [
        {
          index: 0,
          uuid: "GPU-1",
          name: "NVIDIA H100 80GB HBM3",
          computeCapability: "9.0",
          memoryTotalBytes: 81559 * 1048576,
          memoryUsedBytes: 1073741824,
          utilization: 0.25,
          powerWatts: 70.52,
          powerLimitWatts: 700
        },
        {
          index: 1,
          uuid: "GPU-2",
          name: "Old",
          computeCapability: undefined,
          memoryTotalBytes: undefined,
          memoryUsedBytes: undefined,
          utilization: 0.05,
          powerWatts: undefined,
          powerLimitWatts: 12
        }
      ]
    )
  })

  it.effect("is found in the first folder that has it as a program", () =>
    Effect.gen(function*() {
      const folder = yield* program("exit 0")
      const other = yield* TemporaryRepository.make({ "nvidia-smi": "no program" })
      chmodSync(join(other, "nvidia-smi"), 0o644)
      assert.strictEqual(NvidiaSmi.find(["", "/nowhere", other, folder].join(delimiter)), join(folder, "nvidia-smi"))
      assert.isUndefined(NvidiaSmi.find("/nowhere"))
    }))

  it.effect("is asked for the fields that are read", () =>
    Effect.gen(function*() {
      const folder = yield* program("echo \"$@\" > \"$(dirname \"$0\")/asked\"; echo '3, u, n, 8.6, 1, 1, 1, 1, 1'")
      const [gpu] = yield* Effect.promise(() => NvidiaSmi.read(join(folder, "nvidia-smi"), 5000))
      assert.strictEqual(gpu?.index, 3)
      assert.strictEqual(readFileSync(join(folder, "asked"), "utf8"), `${NvidiaSmi.query.join(" ")}\n`)
    }))

  it.live("fails with what it says, and when it takes too long", () =>
    Effect.gen(function*() {
      const refused = (folder: string, millis: number) =>
        Effect.promise(() =>
          NvidiaSmi.read(join(folder, "nvidia-smi"), millis).then(() => "", (error: Error) => error.message)
        )
      const broken = yield* program("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18")
      assert.strictEqual(yield* refused(broken, 5000), "Failed to initialize NVML: Driver/library version mismatch")
      const slow = yield* program("exec sleep 30")
      assert.strictEqual(yield* refused(slow, 100), "it did not answer within 100 ms")
    }))
})
