import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { HostUsage } from "../../src/layers/telemetry/internal/HostUsage.ts"
import * as TemporaryRepository from "../repository/TemporaryRepository.ts"

const stat = (ticks: ReadonlyArray<number>) => `cpu  ${ticks.join(" ")}\ncpu0 9 9 9 9 9 9 9 9 9 9\nintr 5\n`
const meminfo = "MemTotal:        1000 kB\nMemFree:          10 kB\nMemAvailable:    400 kB\nCached: 5 kB\n"

describe("HostUsage", () => {
  it.effect("is the busy share of the time since the reading before", () =>
    Effect.gen(function*() {
      const folder = yield* TemporaryRepository.make({ stat: stat([10, 10, 10, 50, 10, 5, 3, 2]), meminfo })
      const usage = new HostUsage(folder)
      const read = () => Result.getOrThrow(usage.read())
      assert.deepStrictEqual(read(), { utilization: 0.4, memoryTotalBytes: 1_024_000, memoryUsedBytes: 614_400 })
      // 30 ticks of work and 10 of waiting for disks later.
      writeFileSync(join(folder, "stat"), stat([20, 10, 20, 50, 20, 5, 13, 2]))
      assert.strictEqual(read().utilization, 0.75)
      assert.strictEqual(read().utilization, 0.75, "no tick has passed")
    }))

  it("fails where there is no /proc", () => {
    assert.isTrue(Result.isFailure(new HostUsage("/nowhere").read()))
  })
})
