/**
 * Compares two revisions of the server, and ends with 1 when the second one is slower by more than chance.
 *
 * Usage: node bench/compare.ts <revision> <revision> [<part of a cell's name> [<rounds>]]
 *
 * A revision is what git calls one, or the folder of a built checkout. Each round starts both servers afresh, because two processes of the
 * same code differ by some hundredths for as long as they live: what they are compared by are rounds, not loads. In a round each cell has
 * four loads of a second in the order A B B A, or B A A B. Processor time of the server for a request decides first, since it moves less
 * with other work on the machine than requests per second.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Cells from "./compare/Cells.ts"
import { type Checkout, checkout } from "./compare/Checkout.ts"
import { fewestRounds, type Round, type Side, type Verdict, verdicts } from "./compare/Rounds.ts"
import type { Shift } from "./compare/SignedRank.ts"
import { median } from "./lifecycle/report.ts"
import * as models from "./models.ts"
import { metered } from "./processor.ts"
import { start, type Started } from "./server.ts"

const [one, other, wanted = "", asked] = process.argv.slice(2)
if (one === undefined || other === undefined) {
  process.stderr.write("usage: node bench/compare.ts <revision> <revision> [<part of a cell's name> [<rounds>]]\n")
  process.exit(2)
}

const cells = Cells.cells().filter(({ name }) => name.includes(wanted))
const fewest = fewestRounds(cells.length)
const rounds = asked === undefined ? fewest + 4 : Number(asked)
if (cells.length === 0 || !(rounds >= fewest)) {
  process.stderr.write(
    cells.length === 0
      ? `no cell's name has '${wanted}' in it:\n${Cells.cells().map(({ name }) => `  ${name}\n`).join("")}`
      : `${cells.length} cells need ${fewest} rounds at least to say anything\n`
  )
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), "galatea-compare-"))
const checkouts: Array<Checkout> = []
const servers: Array<Started> = []

const mean = (first: Side, second: Side): Side => ({
  perSecond: (first.perSecond + second.perSecond) / 2,
  micros: (first.micros + second.micros) / 2
})

/** Both servers under the load of a cell, the first of these before and after the other. */
const inTurns = async (cell: Cells.Cell, outer: Started, inner: Started): Promise<readonly [Side, Side]> => {
  const measure = (server: Started) => metered(server.pid, () => cell.load(server))
  const [o1, i1, i2, o2] = [await measure(outer), await measure(inner), await measure(inner), await measure(outer)]
  return [mean(o1, o2), mean(i1, i2)]
}

const round = async (number: number, repository: string, measured: ReadonlyArray<Array<Round>>): Promise<void> => {
  const swapped = number % 2 === 1
  const order = swapped ? checkouts.toReversed() : checkouts
  for (const { folder } of order) servers.push(await start(repository, [], { checkout: folder }))
  const [outer, inner] = servers as [Started, Started]
  for (const [i, cell] of cells.entries()) {
    for (const server of servers) await cell.load(server)
    const [first, second] = await inTurns(cell, outer, inner)
    measured[i]!.push(swapped ? [second, first] : [first, second])
  }
  for (const server of servers.splice(0)) await server.stop()
}

const percent = (logarithm: number, sign: 1 | -1): string => {
  const value = (Math.exp(sign * logarithm) - 1) * 100
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)} %`
}

const change = ({ high, low, middle }: Shift, sign: 1 | -1): string => {
  const [from, to] = sign === 1 ? [low, high] : [high, low]
  return `${percent(middle, sign)} (${percent(from, sign)} to ${percent(to, sign)})`
}

const row = ({ name }: Cells.Cell, rounds: ReadonlyArray<Round>, verdict: Verdict): string => {
  const of = (side: 0 | 1, what: keyof Side) => median(rounds.map((round) => round[side][what]))
  const words = [
    ...verdict.costs === "more" ? ["**costs more**"] : verdict.costs === "less" ? ["costs less"] : [],
    ...verdict.answers === "fewer" ? ["**answers fewer**"] : verdict.answers === "more" ? ["answers more"] : []
  ]
  const columns = [
    name,
    of(0, "micros").toFixed(1),
    of(1, "micros").toFixed(1),
    change(verdict.cost, 1),
    of(0, "perSecond").toFixed(0),
    of(1, "perSecond").toFixed(0),
    change(verdict.fall, -1),
    words.join(", ") || "no difference seen"
  ]
  return `| ${columns.join(" | ")} |`
}

/** Leaves nothing behind: no server, no folder and no work tree that git knows of. */
const cleanUp = async (): Promise<void> => {
  for (const server of servers.splice(0)) await server.stop()
  for (const { remove } of checkouts.splice(0)) remove()
  rmSync(folder, { recursive: true, force: true })
}
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void cleanUp().then(() => process.exit(130)))
}

try {
  const repository = join(folder, "models")
  models.comparedRepository(repository)
  for (const [i, what] of [one, other].entries()) checkouts.push(checkout(what, join(folder, `checkout${i}`)))
  const measured = cells.map((): Array<Round> => [])
  for (let number = 0; number < rounds; number++) {
    await round(number, repository, measured)
    process.stderr.write(`round ${number + 1} of ${rounds}\n`)
  }
  const found = verdicts(measured)
  const [a, b] = checkouts.map(({ name }) => name) as [string, string]
  process.stdout.write([
    `| ${a} beside ${b} | µs a request | then | change (95 %) | requests/s | then | change (95 %) | |`,
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...cells.map((cell, i) => row(cell, measured[i]!, found[i]!)),
    "",
    `${rounds} rounds, each with servers of their own and four loads of a second for each cell; Node ${process.version}.`,
    ""
  ].join("\n"))
  process.exitCode = found.some(({ answers, costs }) => costs === "more" || answers === "fewer") ? 1 : 0
} finally {
  await cleanUp()
}
