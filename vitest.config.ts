import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineConfig } from "vitest/config"

// Processes that tests run in, and those that tests start, compile what others have compiled no second time.
process.env["NODE_COMPILE_CACHE"] ??= join(tmpdir(), "node-compile-cache")

// A runtime that tests load in threads sees what is set here alone; its makers need not hear of tests.
process.env["ORT_DISABLE_TELEMETRY"] ??= "1"

/** What says something of real time, of the share that each gets of it, or of the memory of its process: nothing else runs meanwhile. */
const alone = [
  "test/ProcessMemory.test.ts",
  "test/integration/batching/Bounds.test.ts",
  "test/integration/cli/Shutdown.test.ts",
  "test/integration/execution.test.ts",
  "test/integration/rateLimiter.test.ts"
]

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/integration/**", "test/simulation/**", ...alone, "node_modules/**"],
          setupFiles: ["test/setup.ts"],
          pool: "threads",
          // Loading modules takes longer than the tests: files share what they load. What one changes of it, it changes back.
          isolate: false,
          // For machines that have much else to do: no test says anything of real time.
          testTimeout: 60_000,
          hookTimeout: 60_000
        }
      },
      {
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts"],
          pool: "threads",
          testTimeout: 60_000,
          hookTimeout: 60_000
        }
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          exclude: [...alone, "node_modules/**"],
          setupFiles: ["test/setup.ts"],
          pool: "forks",
          testTimeout: 180_000,
          hookTimeout: 180_000
        }
      },
      {
        test: {
          name: "alone",
          include: alone,
          setupFiles: ["test/setup.ts"],
          pool: "forks",
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000
        }
      }
    ]
  }
})
