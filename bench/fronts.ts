/**
 * What a request costs with one front-end thread and with several, by thread: processor time of the whole process, in turns. Where the
 * time of the threads goes tells how far more processors take the server.
 *
 * The load is `simple` in binary over HTTP, at 32 and at 128 connections. Linux only, for the times of threads.
 *
 * Usage: node bench/fronts.ts [fronts] [seconds of a load] [rounds]
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { drive } from "./load.ts"
import { smallRepository } from "./models.ts"
import * as Requests from "./requests.ts"
import { start, type Started } from "./server.ts"

const fronts = Number(process.argv[2] ?? 2)
const seconds = Number(process.argv[3] ?? 2)
const rounds = Number(process.argv[4] ?? 5)

/** Microseconds of each thread of a process so far, by its id. */
const threadMicros = (pid: number): ReadonlyMap<string, number> =>
  new Map(
    readdirSync(`/proc/${pid}/task`).map((id) => {
      const [run] = readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8").split(" ")
      return [id, Number(run) / 1000]
    })
  )

/** The threads of fronts, which listen on sockets of their own, are those whose time a load without models moves; by their order. */
interface Spent {
  requests: number
  total: number
  main: number
  readonly others: Map<string, number>
}

const measure = async (server: Started, connections: number, spent: Spent): Promise<void> => {
  const { body, headers } = Requests.simple()
  const before = threadMicros(server.pid)
  const outcome = await drive({
    url: `${server.url}/v2/models/simple/infer`,
    body,
    headers,
    connections,
    seconds
  })
  const after = threadMicros(server.pid)
  spent.requests += outcome.perSecond * seconds
  for (const [id, micros] of after) {
    const more = micros - (before.get(id) ?? 0)
    spent.total += more
    if (id === String(server.pid)) spent.main += more
    else spent.others.set(id, (spent.others.get(id) ?? 0) + more)
  }
}

const none = (): Spent => ({ requests: 0, total: 0, main: 0, others: new Map() })

const write = (what: string, { main, others, requests, total }: Spent): void => {
  const busiest = [...others.values()].sort((a, b) => b - a).slice(0, 12).map((micros) =>
    (micros / requests).toFixed(1)
  )
  console.log(
    `${what}: ${(total / requests).toFixed(1)} us a request, of which main ${
      (main / requests).toFixed(1)
    }, busiest others ${busiest.join(" ")} (${Math.round(requests)} requests)`
  )
}

const folder = mkdtempSync(join(tmpdir(), "galatea-fronts-"))
const servers: Array<Started> = []
try {
  const repository = smallRepository(folder)
  const one = await start(repository)
  servers.push(one)
  const more = await start(repository, [`--http-front-threads=${fronts}`])
  servers.push(more)
  for (const connections of [1, 32, 128]) {
    await measure(one, connections, none())
    await measure(more, connections, none())
    const [ofOne, ofMore] = [none(), none()]
    for (let round = 0; round < rounds; round++) {
      await measure(one, connections, ofOne)
      await measure(more, connections, ofMore)
    }
    write(`${connections} connections, 1 front`, ofOne)
    write(`${connections} connections, ${fronts} fronts`, ofMore)
    console.log(
      `${connections} connections: ${
        ((ofMore.total / ofMore.requests) / (ofOne.total / ofOne.requests)).toFixed(3)
      } of one front`
    )
  }
} finally {
  for (const server of servers) await server.stop()
  rmSync(folder, { recursive: true })
}
