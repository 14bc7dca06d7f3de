/**
 * Every byte of every answer, through all doors at a time: requests differ, arrive in pieces of any length, share batches, and are
 * about as large as what a server reads at once; an answer with anything of another request's in it is found.
 *
 * Usage: node bench/answers.ts [seconds with each placement=30] [seed] [part of a placement's name]; ends with 1 when an answer was wrong.
 */
import { randomInt } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { doors } from "./answers/Doors.ts"
import { Draws } from "./answers/Draws.ts"
import { repository } from "./answers/Models.ts"
import { start } from "./server.ts"

const seconds = Number(process.argv[2] ?? 30)
const seed = Number(process.argv[3] ?? randomInt(1_000_000))
const wanted = process.argv[4] ?? ""

const placements = [
  { name: "inline", flags: ["--model-isolation=inline"] },
  { name: "thread", flags: ["--model-isolation=thread"] },
  { name: "process", flags: ["--model-isolation=process"] },
  { name: "two fronts", flags: ["--http-front-threads=2"] }
]

const folder = mkdtempSync(join(tmpdir(), "galatea-answers-"))
const models = repository(folder)
process.stdout.write(`seed ${seed}\n\n| placement | door | answers | wrong or failed |\n| --- | --- | --- | --- |\n`)
try {
  for (const { flags, name } of placements.filter((placement) => placement.name.includes(wanted))) {
    const server = await start(models, [...flags, "--log-info=false"])
    const end = performance.now() + seconds * 1000
    const rows = await Promise.all(doors.map(async (door, at) => {
      let answers = 0
      const problems: Array<string> = []
      const visit = async (place: number): Promise<void> => {
        const draws = new Draws(seed + at * 100 + place)
        const visitor = await door.open(server)
        while (performance.now() < end && problems.length === 0) {
          try {
            const seen = await visitor.visit(draws)
            answers += seen.answers
            if (seen.wrong !== undefined) problems.push(seen.wrong)
          } catch (error) {
            problems.push(String(error))
          }
        }
        await visitor.close()
      }
      await Promise.all(Array.from({ length: door.visitors }, (_, place) => visit(place)))
      return { door: door.name, answers, problems }
    }))
    await server.stop()
    for (const { answers, door, problems } of rows) {
      if (problems.length > 0 || answers === 0) process.exitCode = 1
      process.stdout.write(
        `| ${name} | ${door} | ${answers} | ${problems.map((one) => one.slice(0, 300)).join("; ") || 0} |\n`
      )
    }
  }
} finally {
  rmSync(folder, { recursive: true })
}
