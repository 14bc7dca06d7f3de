/**
 * Changes the scheduler in one place at a time and sees whether the simulation or the unit tests notice: `npm run mutate`.
 *
 * Each change is made in a copy of the tree. First a short simulation runs on it, then, where that notices nothing, the unit tests
 * of scheduling. Prints what nobody noticed, and writes it to the file of `--report`.
 */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import * as path from "node:path"
import { parseArgs } from "node:util"
import ts from "typescript6"
import { check, profiles } from "./Check.ts"

const { values } = parseArgs({
  options: {
    jobs: { type: "string" },
    /** Only files whose name contains it. */
    only: { type: "string" },
    /** Ends after so many minutes; those that were tried by then are spread over all files. */
    minutes: { type: "string" },
    report: { type: "string" },
    /** Of a child: simulates, and fails at the first violation. */
    check: { type: "boolean" }
  }
})

const files = [
  "DynamicBatcher.ts",
  "DirectScheduler.ts",
  "BatchPolicy.ts",
  "internal/BatchFormer.ts",
  "internal/QueueCore.ts",
  "internal/BatchAnswers.ts",
  "internal/DeadlineWatch.ts",
  "internal/ResponseOrder.ts",
  "internal/RequestQueue.ts",
  "internal/Lanes.ts",
  "internal/DeadlineHeap.ts",
  "internal/Level.ts",
  "internal/WaitingLine.ts"
].map((name) => `src/layers/scheduling/${name}`)

const say = (text: string) => void process.stdout.write(`${text}\n`)

interface Mutant {
  readonly file: string
  /** The whole file. */
  readonly source: string
  readonly line: number
  readonly start: number
  readonly end: number
  readonly text: string
  readonly original: string
}

const swaps: ReadonlyMap<ts.SyntaxKind, string> = new Map([
  [ts.SyntaxKind.LessThanToken, "<="],
  [ts.SyntaxKind.LessThanEqualsToken, "<"],
  [ts.SyntaxKind.GreaterThanToken, ">="],
  [ts.SyntaxKind.GreaterThanEqualsToken, ">"],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, "!=="],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, "==="],
  [ts.SyntaxKind.PlusToken, "-"],
  [ts.SyntaxKind.MinusToken, "+"],
  [ts.SyntaxKind.AmpersandAmpersandToken, "||"],
  [ts.SyntaxKind.BarBarToken, "&&"],
  [ts.SyntaxKind.PlusEqualsToken, "-="],
  [ts.SyntaxKind.MinusEqualsToken, "+="]
])

/** Every change of a file. */
const mutantsOf = (file: string): ReadonlyArray<Mutant> => {
  const text = fs.readFileSync(file, "utf8")
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const found: Array<Mutant> = []
  const add = (node: ts.Node, replacement: string) => {
    const start = node.getStart(source)
    found.push({
      file,
      source: text,
      line: source.getLineAndCharacterOfPosition(start).line + 1,
      start,
      end: node.getEnd(),
      text: replacement,
      original: node.getText(source)
    })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isInterfaceDeclaration(node)) return
    if (ts.isBinaryExpression(node)) {
      const swapped = swaps.get(node.operatorToken.kind)
      if (swapped !== undefined) add(node.operatorToken, swapped)
    }
    if (ts.isIfStatement(node) || ts.isConditionalExpression(node)) {
      const condition = ts.isIfStatement(node) ? node.expression : node.condition
      add(condition, `!(${condition.getText(source)})`)
    }
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) {
      add(node, node.operand.getText(source))
    }
    if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
      const operator = node.operator === ts.SyntaxKind.PlusPlusToken
        ? ["++", "--"]
        : node.operator === ts.SyntaxKind.MinusMinusToken
        ? ["--", "++"]
        : undefined
      if (operator !== undefined) add(node, node.getText(source).replace(operator[0]!, operator[1]!))
    }
    if (ts.isExpressionStatement(node)) add(node, ";")
    if (ts.isReturnStatement(node) && node.expression === undefined) add(node, ";")
    if (node.kind === ts.SyntaxKind.TrueKeyword) add(node, "false")
    if (node.kind === ts.SyntaxKind.FalseKeyword) add(node, "true")
    if (ts.isNumericLiteral(node)) add(node, String(Number(node.text.replaceAll("_", "")) + 1))
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** The same, in an order of which any beginning is spread over all. */
const spread = <A>(all: ReadonlyArray<A>): ReadonlyArray<A> => {
  const golden = (i: number) => (i * 0.618_033_988_75) % 1
  return all.map((item, i) => ({ item, at: golden(i) })).toSorted((a, b) => a.at - b.at).map(({ item }) => item)
}

/** `true`: it ended well, in time. */
const succeeds = (directory: string, command: string, args: ReadonlyArray<string>, millis: number): Promise<boolean> =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd: directory, stdio: "ignore", detached: true })
    const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), millis)
    child.on("exit", (code) => {
      clearTimeout(timer)
      resolve(code === 0)
    })
  })

const simulates = (directory: string) =>
  succeeds(directory, process.execPath, ["test/simulation/mutate.ts", "--check"], 60_000)

const passesUnits = (directory: string) =>
  succeeds(directory, process.execPath, [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--project",
    "unit",
    "--bail",
    "1",
    "--testTimeout",
    "20000",
    "test/scheduling/BatchPolicy",
    "test/scheduling/DirectScheduler",
    "test/scheduling/DynamicBatcher",
    "test/scheduling/QueueRules",
    "test/scheduling/Lanes"
  ], 240_000)

/** A copy of what the tests need. */
const copyTree = (): string => {
  const directory = fs.mkdtempSync(path.join(tmpdir(), "mutants-"))
  for (const name of ["src", "test", "package.json", "vitest.config.ts", "tsconfig.json"]) {
    fs.cpSync(name, path.join(directory, name), { recursive: true })
  }
  fs.symlinkSync(fs.realpathSync("node_modules"), path.join(directory, "node_modules"))
  return directory
}

const lead = async () => {
  const start = performance.now()
  const until = start + Number(values.minutes ?? Infinity) * 60_000
  const mutants = spread(files.filter((file) => file.includes(values.only ?? "")).flatMap(mutantsOf))
  const survivors: Array<Mutant> = []
  let bySimulation = 0
  let byUnits = 0
  let next = 0
  const work = async () => {
    const directory = copyTree()
    if (!await simulates(directory)) throw new Error("the simulation fails without any change")
    for (let mutant = mutants[next++]; mutant !== undefined; mutant = mutants[next++]) {
      if (performance.now() > until) break
      const file = path.join(directory, mutant.file)
      const text = mutant.source
      fs.writeFileSync(file, text.slice(0, mutant.start) + mutant.text + text.slice(mutant.end))
      if (!await simulates(directory)) bySimulation++
      else if (!await passesUnits(directory)) byUnits++
      else survivors.push(mutant)
      fs.writeFileSync(file, text)
      if ((bySimulation + byUnits + survivors.length) % 25 === 0) report()
    }
    fs.rmSync(directory, { recursive: true })
  }
  const report = () => {
    const done = bySimulation + byUnits + survivors.length
    const killed = bySimulation + byUnits
    const lines = survivors.toSorted((a, b) => a.file.localeCompare(b.file) || a.start - b.start).map((mutant) =>
      `${mutant.file.slice("src/layers/scheduling/".length)}:${mutant.line} ${
        mutant.original.replaceAll(/\s+/g, " ")
      } -> ` +
      mutant.text.replaceAll(/\s+/g, " ")
    )
    const sum =
      `${done} of ${mutants.length} mutants: ${bySimulation} noticed by the simulation, ${byUnits} by the unit ` +
      `tests alone, ${survivors.length} by nobody: ${(100 * killed / done).toFixed(1)} %, ` +
      `${Math.round((performance.now() - start) / 1000)} s`
    say(sum)
    if (values.report !== undefined) fs.writeFileSync(values.report, `${sum}\n${lines.join("\n")}\n`)
    return lines
  }
  await Promise.all(Array.from({ length: Number(values.jobs ?? availableParallelism()) }, work))
  for (const line of report()) say(line)
}

if (values.check === true) {
  for (const profile of Object.keys(profiles)) {
    if (check({ profile, seed: 3, runs: 400, shrink: false }).failure !== undefined) process.exit(1)
  }
} else await lead()
