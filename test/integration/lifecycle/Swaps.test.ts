/** A model is replaced again and again under traffic; `bench/lifecycle/soak.ts` does the same for minutes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { Swaps } from "../../../bench/lifecycle/swaps.ts"
import * as tables from "../../../bench/lifecycle/tables.ts"
import * as traffic from "../../../bench/lifecycle/traffic.ts"
import * as Child from "../cli/Child.ts"

/** Serves a model under traffic and replaces it so often, waiting each time until it answers; the traffic at the end. */
const soak = Effect.fnUntraced(function*(
  flags: ReadonlyArray<string>,
  count: number,
  takeUp: (url: string, config: string | undefined) => Effect.Effect<void>
) {
  const repository = join(yield* Child.folder({}), "models")
  mkdirSync(repository)
  const swaps = new Swaps(repository, "table")
  const server = yield* Child.serve([repository, ...flags])
  let newest = 0
  let reached = (_value: number): void => {}
  const request = tables.request("table")
  const running = traffic.start({
    port: Number(new URL(server.url).port),
    connections: 4,
    perSecond: 200,
    next: () => {
      const before = newest
      return {
        request,
        problem: (body) => {
          const value = tables.valueOf(body)
          newest = Math.max(newest, value)
          reached(value)
          return swaps.placed(value) && value >= before ? undefined : `the answer was ${value} after ${before}`
        }
      }
    }
  })
  yield* Effect.addFinalizer(() => Effect.promise(running.stop))
  for (let n = 0; n < count; n++) {
    const config = swaps.next()
    yield* takeUp(server.url, config)
    yield* Effect.callback<void>((resume) => {
      reached = (value) => {
        if (value === swaps.count) resume(Effect.void)
      }
    })
  }
  yield* Effect.promise(running.stop)
  return running
})

describe("a model that is replaced under traffic", () => {
  it.live("answers every request while it is told to load new versions, files and configs", () =>
    Effect.gen(function*() {
      const flags = ["--model-control-mode=explicit", "--load-model=table"]
      const { answered, failures } = yield* soak(flags, 12, (url, config) =>
        Effect.map(
          Child.ask(`${url}/v2/repository/models/table/load`, {
            method: "POST",
            body: JSON.stringify(config === undefined ? {} : { parameters: { config } })
          }),
          ({ status, text }) => assert.strictEqual(status, 200, text)
        ))
      assert.deepStrictEqual([...failures], [])
      assert.isAbove(answered(), 12)
    }))

  it.live("answers every request while the poll of its repository takes up changes", () =>
    Effect.gen(function*() {
      const flags = ["--model-control-mode=poll", "--repository-poll-secs=1", "--repository-settle-ms=10"]
      const { answered, failures } = yield* soak(flags, 4, () => Effect.void)
      assert.deepStrictEqual([...failures], [])
      assert.isAbove(answered(), 4)
    }))
})
