/**
 * Ends processes of instances under steady load: every two seconds one of a model is ended by SIGSEGV, SIGKILL or SIGSTOP in turn. Then
 * the server itself is killed and started again.
 *
 * Demands: other models answer every request, the one that is hit 99.9 % of them; a lost instance is up again within 500 ms; memory
 * stays flat; no zombie, no open file and no file in memory is left over.
 *
 * Usage: node bench/chaos.ts [seconds=300] [--lenient], which says nothing of times.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as report from "./lifecycle/report.ts"
import * as tables from "./lifecycle/tables.ts"
import * as traffic from "./lifecycle/traffic.ts"
import { freePorts } from "./server.ts"

const seconds = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 300)
const lenient = process.argv.includes("--lenient")

const everyMillis = 2000
const signals = ["SIGSEGV", "SIGKILL", "SIGSTOP"] as const
const hit = "hit"
const others = ["calm", "batched", "large"]

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const until = async <A>(what: string, look: () => A | undefined | Promise<A | undefined>): Promise<A> => {
  const giveUp = performance.now() + 60_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > giveUp) throw new Error(`waited in vain for ${what}`)
    await sleep(20)
  }
}

interface Process {
  readonly pid: number
  readonly state: string
  readonly parent: number
}

/** Every process of this machine that can be read. */
const processes = (): ReadonlyArray<Process> =>
  readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8")
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      return [{ pid: Number(name), state: state!, parent: Number(parent) }]
    } catch {
      // It has ended meanwhile.
      return []
    }
  })

const childrenOf = (parent: number): ReadonlyArray<Process> => processes().filter((one) => one.parent === parent)

const isThere = (pid: number): boolean => processes().some((one) => one.pid === pid && one.state !== "Z")

const megabytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024

const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

/** What a server keeps under names that have its process id in them. */
const filesOf = (pid: number): ReadonlyArray<string> =>
  [tmpdir(), "/dev/shm"].flatMap((folder) =>
    readdirSync(folder).filter((name) => name.startsWith("galatea-") && name.includes(`-${pid}-`))
  )

interface Server {
  readonly pid: number
  readonly port: number
  readonly ended: Promise<void>
  readonly kill: (signal: NodeJS.Signals) => void
  readonly post: (path: string) => Promise<Response>
  readonly metric: (name: string, model: string) => Promise<number>
}

const serve = async (repository: string): Promise<Server> => {
  const [port, metrics] = await freePorts(2) as [number, number]
  const child = spawn(process.execPath, [
    fileURLToPath(new URL("../bin/galatea.js", import.meta.url)),
    "serve",
    `--model-repository=${repository}`,
    "--http-address=127.0.0.1",
    `--http-port=${port}`,
    "--allow-grpc=false",
    `--metrics-port=${metrics}`,
    "--model-isolation=process",
    "--instance-heartbeat-timeout-ms=1000",
    "--model-control-mode=explicit",
    "--log-info=false",
    "--log-warning=false"
  ], { stdio: ["ignore", "ignore", "inherit"] })
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const url = `http://127.0.0.1:${port}`
  await until("the server", () => {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`)
    return fetch(`${url}/v2/health/ready`).then(({ ok }) => ok ? true : undefined, () => undefined)
  })
  return {
    pid: child.pid!,
    port,
    ended,
    kill: (signal) => child.kill(signal),
    post: (path) => fetch(`${url}${path}`, { method: "POST" }),
    metric: async (name, model) => {
      const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
      const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) && line.includes(`model="${model}"`))
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0)
    }
  }
}

const load = async ({ pid, post }: Server, name: string): Promise<ReadonlyArray<number>> => {
  const before = new Set(childrenOf(pid).map((child) => child.pid))
  const answer = await post(`/v2/repository/models/${name}/load`)
  if (!answer.ok) throw new Error(`${name} was not loaded: ${await answer.text()}`)
  await sleep(500)
  return childrenOf(pid).map((child) => child.pid).filter((child) => !before.has(child))
}

const start = (server: Server, model: string, value: number, perSecond: number): traffic.Traffic => {
  const request = tables.request(model)
  return traffic.start({
    port: server.port,
    connections: 4,
    perSecond,
    next: () => ({
      request,
      problem: (body) => tables.valueOf(body) === value ? undefined : "a wrong answer"
    })
  })
}

const share = (name: string, bound: number, { answered, failed, failures }: traffic.Traffic): report.Row => {
  for (const [reason, count] of failures) process.stderr.write(`${name}: ${count} × ${reason}\n`)
  const part = answered() / Math.max(1, answered() + failed())
  return {
    what: `${name}: requests answered`,
    value: `${answered()} of ${answered() + failed()} (${(100 * part).toFixed(3)} %)`,
    bound: `${100 * bound} %`,
    holds: answered() > 0 && part >= bound
  }
}

const folder = mkdtempSync(join(tmpdir(), "chaos-"))
const repository = join(folder, "models")
const rows: Array<report.Row> = []
let server: Server | undefined
try {
  tables.place(repository, hit, { "config.pbtxt": tables.config(2), "1/model.onnx": tables.table(1) })
  tables.place(repository, "calm", { "config.pbtxt": tables.config(), "1/model.onnx": tables.table(2) })
  tables.place(repository, "batched", {
    "config.pbtxt": tables.config(1, "dynamic_batching { }"),
    "1/model.onnx": tables.table(3)
  })
  tables.place(repository, "large", { "config.pbtxt": tables.config(), "1/model.onnx": tables.table(4, 64 << 20) })
  server = await serve(repository)
  const { pid } = server
  const calm = new Set<number>()
  for (const name of others) for (const child of await load(server, name)) calm.add(child)
  const victims = await load(server, hit)
  if (victims.length !== 2) throw new Error(`model '${hit}' has ${victims.length} processes, and 2 were expected`)
  const stricken = start(server, hit, 1, 100)
  const spared = others.map((name, i) => start(server!, name, i + 2, 50))
  await sleep(3000)
  const filesBefore = openFiles(pid)
  const memory: Array<number> = []
  const restarts: Array<number> = []
  let kills = 0
  const end = performance.now() + seconds * 1000
  for (let next = performance.now(); next < end; next += everyMillis) {
    await sleep(Math.max(0, next - performance.now()))
    const living = childrenOf(pid).filter((child) => !calm.has(child.pid) && child.state !== "Z")
    const losses = await server.metric("galatea_instance_losses_total", hit)
    const victim = living[kills % living.length]
    if (victim === undefined) continue
    process.kill(victim.pid, signals[kills++ % signals.length]!)
    await until(
      "the loss",
      async () => await server!.metric("galatea_instance_losses_total", hit) > losses ? true : undefined
    )
    await until("the restart", async () => await server!.metric("galatea_live_instances", hit) === 2 ? true : undefined)
    restarts.push(1000 * await server.metric("galatea_instance_restart_seconds", hit))
    memory.push(megabytes(pid))
  }
  await sleep(1000)
  const filesAfter = openFiles(pid)
  await Promise.all([stricken, ...spared].map(({ stop }) => stop()))
  spared.forEach((one, i) => rows.push(share(others[i]!, 1, one)))
  rows.push(share(hit, 0.999, stricken))
  const longest = Math.max(...restarts)
  rows.push({
    what: `restart of an instance, of ${kills}: median, longest`,
    value: `${report.median(restarts).toFixed(0)} ms, ${longest.toFixed(0)} ms`,
    bound: "500 ms",
    ...(lenient ? {} : { holds: longest < 500 })
  })
  const early = report.median(memory.slice(0, Math.ceil(memory.length / 4)))
  const late = report.median(memory.slice(-Math.ceil(memory.length / 4)))
  rows.push({
    what: "resident memory of the server, first and last quarter",
    value: `${early.toFixed(0)} MB, ${late.toFixed(0)} MB`,
    bound: "+ 10 % + 16 MB",
    holds: late < early * 1.1 + 16
  })
  const zombies = processes().filter(({ parent, state }) => state === "Z" && parent === pid).length
  rows.push({ what: "zombies", value: String(zombies), bound: "0", holds: zombies === 0 })
  rows.push({
    what: "open files of the server, before and after",
    value: `${filesBefore}, ${filesAfter}`,
    bound: "+ 8",
    holds: filesAfter <= filesBefore + 8
  })

  const orphans = childrenOf(pid).map((child) => child.pid)
  server.kill("SIGKILL")
  await server.ended
  await until("the end of its processes", () => orphans.some(isThere) ? undefined : true)
  server = await serve(repository)
  const left = filesOf(pid)
  for (const file of left) process.stderr.write(`left over: ${file}\n`)
  rows.push({
    what: "processes and files of a server that was killed, after the next start",
    value: `${orphans.filter(isThere).length}, ${left.length}`,
    bound: "0, 0",
    holds: !orphans.some(isThere) && left.length === 0
  })
  await load(server, hit)
  const again = start(server, hit, 1, 100)
  await sleep(1000)
  await again.stop()
  rows.push(share("after the next start", 1, again))
} finally {
  server?.kill("SIGTERM")
  await server?.ended
  rmSync(folder, { recursive: true, force: true })
}
report.print(rows)
