/** More models than memory, in a process of its own; `bench/lifecycle/residency.ts` does the same with 100 of them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { scrape } from "../../../bench/lifecycle/report.ts"
import * as tables from "../../../bench/lifecycle/tables.ts"
import * as traffic from "../../../bench/lifecycle/traffic.ts"
import * as Child from "../cli/Child.ts"

const models = 12
/** Each in turn, twice: what comes again has left meanwhile. */
const order = Array.from({ length: 2 * models }, (_, i) => i % models)

const bytes = 4 << 20
/** Room for about three: 4 MB of weights, and what a thread takes with its heap. */
const budget = 120 * 2 ** 20

describe("models that load when they are asked for", () => {
  it.live("come and go within the budget, and every request is answered", () =>
    Effect.gen(function*() {
      const repository = join(yield* Child.folder({}), "models")
      mkdirSync(repository)
      for (let i = 0; i < models; i++) {
        tables.place(repository, `table_${i}`, {
          "config.pbtxt": tables.config(),
          "1/model.onnx": tables.table(i, bytes)
        })
      }
      const server = yield* Child.start([
        "serve",
        repository,
        "--http-port=0",
        "--allow-grpc=false",
        "--metrics-port=0",
        `--model-residency-budget=${budget}`,
        // On the main thread a model costs little more than its weights, and all of them would have room.
        "--model-isolation=thread"
      ])
      const [, url, metrics] = yield* server.printed(/^Listening for HTTP at (\S+).* metrics at (http:\S+)/m)
      const requests = Array.from({ length: models }, (_, i) => tables.request(`table_${i}`))
      let sent = 0
      const running = traffic.start({
        port: Number(new URL(url!).port),
        connections: 4,
        perSecond: 0,
        timeoutMillis: 60_000,
        goOn: () => sent < order.length,
        next: () => {
          const which = order[sent++]!
          return {
            request: requests[which]!,
            problem: (body) => tables.valueOf(body) === which ? undefined : `a wrong answer of table_${which}`
          }
        }
      })
      yield* Effect.addFinalizer(() => Effect.promise(running.stop))
      const figure = (name: string) =>
        Effect.map(Effect.promise(() => scrape(metrics!)), (figures) => figures.get(`galatea_residency_${name}`))
      const watch = Effect.forever(
        Effect.gen(function*() {
          assert.isAtMost((yield* figure("accounted_bytes"))!, budget)
          yield* Effect.sleep("20 millis")
        })
      )
      yield* Effect.raceFirst(watch, Effect.promise(() => running.ended))
      assert.deepStrictEqual([...running.failures], [])
      assert.strictEqual(running.answered(), order.length)
      assert.strictEqual(yield* figure("known_versions"), models)
      assert.strictEqual(yield* figure("load_failures_total"), 0)
      const loads = (yield* figure("loads_total"))!
      assert.isAtLeast(loads, models)
      const left = (yield* figure("evictions_total{reason=\"budget\"}"))!
      assert.isAtLeast(left, 1)
      assert.strictEqual((yield* figure("resident_versions"))!, loads - left)
    }))
})
