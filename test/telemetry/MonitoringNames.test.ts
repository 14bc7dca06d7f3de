import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { dashboard as made } from "../../otel/grafana/dashboard.ts"
import { text as spansTable } from "../../otel/spansTable.ts"
import * as Expressions from "../integration/monitoring/Expressions.ts"

const docs = new URL("../../docs/", import.meta.url)
const read = (name: string) => readFileSync(new URL(name, docs), "utf8")

const rules = Expressions.file("prometheus/rules.yml")
const cases = Expressions.file("prometheus/rules.test.yml")
const dashboard = Expressions.dashboard()

const found = (text: string, pattern: RegExp) => Array.from(text.matchAll(pattern), ([, name]) => name!)

/** What each name of a series may have behind it, and the labels of its table row. */
const known = new Map(
  Expressions.file("metrics.md").split("\n").flatMap((line) => {
    const row = /^\| (\w+) \| (counter|gauge|histogram|summary) \|([^|]*)\|/.exec(line)
    if (row === null) return []
    const labels = found(row[3]!, /(\w+)/g)
    const suffixes = {
      counter: [""],
      gauge: [""],
      histogram: ["_bucket", "_sum", "_count"],
      summary: ["", "_sum", "_count"]
    }
    return suffixes[row[2] as keyof typeof suffixes].map((suffix) =>
      [
        `${row[1]}${suffix}`,
        [...labels, ...(suffix === "_bucket" ? ["le"] : row[2] === "summary" && suffix === "" ? ["quantile"] : [])]
      ] as const
    )
  })
)

const recorded = new Set(found(rules, /record: (\S+)/g))
const alerts = found(rules, /alert: (\S+)/g)

/** Fails where a text has a name of a metric, recorded or emitted, that does not exist. */
const check = (where: string, text: string) => {
  for (const name of found(text, /(?<![\w:/.-])((?:nv|galatea|process)_[a-z_]+[a-z])(?![\w:/*.-])/g)) {
    assert.isTrue(known.has(name) || known.has(`${name}_count`), `${where}: ${name}`)
  }
  for (const name of found(text, /(?<![\w.-])(\w+:\w+:\w+)(?![\w:])/g)) {
    if (name.startsWith("version:")) assert.isTrue(recorded.has(name), `${where}: ${name}`)
  }
}

/** Fails where a series is chosen by a label that it does not have. */
const checkLabels = (where: string, text: string) => {
  for (const [, name, chosen] of text.matchAll(/(\w+)\{([^}]*)\}/g)) {
    if (name === "up") continue
    const labels = known.get(name!)
    assert.isDefined(labels, `${where}: ${name}`)
    for (const label of found(chosen!, /(\w+)(?:=~?|!=|!~)"/g)) {
      assert.include(["job", "instance", ...labels!], label, `${where}: ${name}`)
    }
  }
}

describe("otel/", () => {
  it("asks for metrics that exist, in the dashboard", () => {
    assert.isAbove(dashboard.length, 60)
    for (const { text, where } of dashboard) {
      assert.match(text, /(nv|galatea|process)_/, where)
      check(where, text)
      checkLabels(where, text)
    }
  })

  it("asks for metrics that exist, in rules and their tests", () => {
    check("rules.yml", rules)
    checkLabels("rules.yml", rules)
    check("rules.test.yml", cases)
    checkLabels("rules.test.yml", cases.replaceAll(/version:\w+:\w+\{/g, "up{"))
  })

  it("has a test for each recorded series and each alert", () => {
    for (const name of recorded) assert.isTrue(cases.includes(name) || rules.split(name).length > 2, name)
    for (const name of alerts) {
      const raised = cases.split(`alertname: ${name}\n`).slice(1).map((text) => text.split("alertname:")[0]!)
      assert.isAbove(raised.filter((text) => text.includes("exp_labels")).length, 0, name)
    }
  })

  it("says in docs/monitoring.md what each alert means, and of each recorded series what it is", () => {
    const text = read("monitoring.md")
    const headings = found(text, /^### (\w+)$/gm)
    assert.deepStrictEqual(headings, alerts)
    assert.deepStrictEqual(
      found(rules, /runbook: docs\/monitoring\.md#(\w+)/g),
      alerts.map((name) => name.toLowerCase())
    )
    for (const name of recorded) {
      assert.isTrue(text.includes(name) || text.includes(`…:${name.split(":")[2]}`), name)
    }
  })

  it("lists the spans and attributes that the code has", () => {
    assert.strictEqual(Expressions.file("spans.md"), spansTable)
  })

  it("has the dashboard that its source makes", () => {
    assert.deepStrictEqual(JSON.parse(Expressions.file("grafana/galatea.json")), JSON.parse(JSON.stringify(made)))
  })
})

describe("the documentation", () => {
  it("names no metric that does not exist", () => {
    for (const name of readdirSync(docs)) {
      // What the server lacks, by Triton's names, ends the page on metrics.
      if (name.endsWith(".md")) check(name, read(name).split("\n## What is missing\n")[0]!)
    }
    check("README.md", read("../README.md"))
    check("otel/README.md", Expressions.file("README.md"))
  })
})
