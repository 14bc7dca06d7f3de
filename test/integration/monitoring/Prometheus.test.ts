/** The rules and the dashboard in front of a real Prometheus that scrapes busy servers. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as RedisServer from "../cache/RedisServer.ts"
import * as Child from "../cli/Child.ts"
import * as Exposition from "../Exposition.ts"
import { find } from "../Programs.ts"
import * as Expressions from "./Expressions.ts"
import * as Fleet from "./Fleet.ts"

const prometheus = find("prometheus")
const promtool = find("promtool")
if (prometheus === undefined || promtool === undefined) {
  process.stderr.write(
    "SKIPPED: no prometheus and promtool on PATH, so rules and dashboard are not tried (apt-get install prometheus)\n"
  )
}

/** Everything that can be turned on is, OTLP too, to a collector that is away: no request notices. */
const start = Effect.flatMap(Child.freePort, (port) =>
  Fleet.start({
    words: ["--metrics-config=histogram_latencies=true", "--metrics-config=summary_latencies=true"],
    main: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_BSP_SCHEDULE_DELAY: "200" }
  }))

/** Rounds of traffic until the scope closes, 300 at most. */
const busy = (fleet: Fleet.Fleet) =>
  Effect.forkScoped(
    Effect.forEach(Array.from({ length: 300 }, (_, i) => i), (round) => Fleet.traffic(fleet, round), { discard: true })
  )

describe("the table of metrics", () => {
  it.live("is what running servers emit, to the last name", () =>
    Effect.scoped(Effect.gen(function*() {
      const fleet = yield* start
      yield* Fleet.traffic(fleet, 0)
      const emitted = new Set<string>()
      for (const { metrics } of [fleet.main, fleet.guests]) {
        for (const name of Exposition.parse((yield* Child.ask(metrics)).text).keys()) emitted.add(name)
      }
      const listed = Array.from(
        Expressions.file("metrics.md").matchAll(/^\| (\w+) \| (?:counter|gauge|histogram|summary) /gm)
      )
        .map(([, name]) => name!)
        .filter((name) => RedisServer.program !== undefined || !name.startsWith("galatea_cache_redis"))
      assert.deepStrictEqual([...emitted].toSorted(), listed.toSorted())
    })))
})

describe.skipIf(prometheus === undefined || promtool === undefined)("a real Prometheus", () => {
  const tool = (...words: ReadonlyArray<string>) => {
    const { status, stderr, stdout } = spawnSync(promtool!, words, {
      cwd: fileURLToPath(new URL("../../../otel/prometheus", import.meta.url)),
      encoding: "utf8"
    })
    assert.strictEqual(status, 0, `${stdout}${stderr}`)
  }

  it("finds no fault with its configuration", () => tool("check", "config", "prometheus.yml"))

  it("raises each alert when it should, and not when it should not", () => tool("test", "rules", "rules.test.yml"))

  it.live("has an answer to every question of the dashboard and the rules", () =>
    Effect.scoped(Effect.gen(function*() {
      const fleet = yield* start
      yield* busy(fleet)
      const targets = [fleet.main, fleet.guests].map(({ metrics }) => `"${new URL(metrics).host}"`)
      const folder = yield* Child.folder({ "rules.yml": Expressions.file("prometheus/rules.yml") })
      writeFileSync(
        join(folder, "prometheus.yml"),
        Expressions.file("prometheus/prometheus.yml").replaceAll("15s", "1s").replace(
          "\"localhost:8002\"",
          targets.join(", ")
        )
      )
      const scraper = yield* Child.start([], {
        program: [
          prometheus!,
          `--config.file=${join(folder, "prometheus.yml")}`,
          `--storage.tsdb.path=${join(folder, "data")}`,
          "--enable-feature=exemplar-storage",
          "--web.listen-address=127.0.0.1:0"
        ]
      })
      const [, address] = yield* scraper.printed(/"Listening on" .*address="?(127\.0\.0\.1:\d+)/)
      yield* scraper.printed(/Server is ready to receive web requests/)
      const api = (path: string) =>
        Effect.map(Child.ask(`http://${address}/api/v1/${path}`), ({ text }) => {
          const { data, error } = JSON.parse(text)
          assert.isUndefined(error, path)
          return data
        })
      const samples = (text: string) =>
        Effect.map(api(`query?query=${encodeURIComponent(text)}`), ({ result }): ReadonlyArray<number> =>
          result.map(({ value }: { value: [number, string] }) =>
            Number(value[1].replace("Inf", "Infinity"))
          ))

      const { groups } = yield* api("rules")
      const rules: ReadonlyArray<Expressions.Expression> = groups.flatMap(
        ({ rules }: { rules: ReadonlyArray<{ name: string; query: string }> }) =>
          rules.map(({ name, query }) => ({ where: `rule ${name}`, text: Expressions.unbounded(query) }))
      )
      const recorded = rules.filter(({ where }) => where.includes(":")).map(({ where }) => ({
        where,
        text: where.slice(5)
      }))
      const questions = [
        ...Expressions.dashboard().map(({ text, where }) => ({ where, text: Expressions.chosen(text) })),
        ...rules,
        ...recorded
      ].filter(({ text }) => RedisServer.program !== undefined || !text.includes("redis"))
      assert.isAbove(questions.length, 80)

      let unanswered = questions.map(({ text, where }) => ({
        where,
        text: where.startsWith("annotation") ? Expressions.unbounded(text) : text
      }))
      const look = Effect.gen(function*() {
        const still: Array<Expressions.Expression> = []
        for (const question of unanswered) {
          if (!(yield* samples(question.text)).some((value) => !Number.isNaN(value))) still.push(question)
        }
        unanswered = still
        return still.length === 0
      })
      yield* Effect.repeat(look, { until: (done) => done, times: 60, schedule: Schedule.spaced("1 second") })
      assert.deepStrictEqual(unanswered, [])
      assert.deepStrictEqual(yield* samples("count(ALERTS{alertname=\"GalateaDown\"})"), [])
    })))
})
