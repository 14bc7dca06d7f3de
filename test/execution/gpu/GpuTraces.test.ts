import { assert, describe, it } from "@effect/vitest"
import * as GpuTraces from "../../../src/layers/execution/internal/gpu/GpuTraces.ts"

const machine = (changes: Partial<GpuTraces.Machine> = {}): GpuTraces.Machine => ({
  platform: "linux",
  environment: {},
  exists: () => false,
  names: () => [],
  ...changes
})

describe("traces of GPUs", () => {
  const cases: ReadonlyArray<readonly [title: string, Partial<GpuTraces.Machine>, ReadonlyArray<string>]> = [
    ["nothing", {}, []],
    ["NVIDIA's device", { exists: (path) => path === "/dev/nvidiactl" }, ["/dev/nvidiactl"]],
    [
      "a render node, but no display",
      { names: (folder) => folder === "/dev/dri" ? ["card0", "renderD128"] : [] },
      ["/dev/dri/renderD128"]
    ],
    ["a Vulkan driver by name", { environment: { VK_ICD_FILENAMES: "/x.json" } }, ["VK_ICD_FILENAMES"]],
    ["an empty variable", { environment: { VK_DRIVER_FILES: "" } }, []],
    ["macOS", { platform: "darwin" }, ["darwin"]],
    ["Windows", { platform: "win32" }, ["win32"]]
  ]
  for (const [title, changes, expected] of cases) {
    it(`are ${expected.length === 0 ? "none" : expected.join(", ")} for ${title}`, () => {
      assert.deepStrictEqual(GpuTraces.find(machine(changes)), expected)
    })
  }
})
