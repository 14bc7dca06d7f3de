/** Starts the built server as a user would, in a process of its own. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { get } from "node:https"
import { type AddressInfo, createServer } from "node:net"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

export interface Started {
  readonly url: string
  readonly port: number
  readonly grpcPort: number
  /** Where Prometheus would scrape. */
  readonly metricsUrl: string
  readonly pid: number
  /** Milliseconds from the start of the process until `/v2/health/ready` answered 200. */
  readonly startMillis: number
  /** Resident memory in megabytes, now. */
  readonly rss: () => number
  readonly stop: () => Promise<void>
  /** Sends SIGTERM; the exit code, and `null` where a signal ended it. */
  readonly terminate: () => Promise<number | null>
  /** What it has logged, the last 64 kB. */
  readonly log: () => string
}

/** What surrounds a server. */
export interface Surroundings {
  /** Variables of its environment, beside this one's. */
  readonly variables?: Readonly<Record<string, string>>
  /** Flags of its Node. */
  readonly nodeFlags?: ReadonlyArray<string>
  /** The checkout that is served from. */
  readonly checkout?: string
  /** The authority of its certificate, where it serves HTTP over TLS. */
  readonly authority?: string
}

const here = fileURLToPath(new URL("..", import.meta.url))

/** Ports of the loopback address that were free a moment ago, each another one. */
export const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const probes = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"))
  await Promise.all(probes.map((probe) => once(probe, "listening")))
  const ports = probes.map((probe) => (probe.address() as AddressInfo).port)
  await Promise.all(probes.map((probe) => once(probe.close(), "close")))
  return ports
}

/** One such port. */
export const freePort = async (): Promise<number> => (await freePorts(1))[0]!

const isReady = (url: string, authority: string | undefined): Promise<boolean> =>
  authority === undefined
    ? fetch(url).then(({ status }) => status === 200, () => false)
    : new Promise((resolve) => {
      const request = get(url, { ca: authority, agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode === 200)
      })
      request.on("error", () => resolve(false))
    })

/** Serves a repository until `stop`. */
export const start = async (
  repository: string,
  flags: ReadonlyArray<string> = [],
  { authority, checkout = here, nodeFlags = [], variables = {} }: Surroundings = {}
): Promise<Started> => {
  const [port, grpcPort, metricsPort] = await freePorts(3) as [number, number, number]
  const url = `${authority === undefined ? "http" : "https"}://127.0.0.1:${port}`
  const began = performance.now()
  const child = spawn(process.execPath, [
    ...nodeFlags,
    join(checkout, "bin/galatea.js"),
    "serve",
    `--model-repository=${repository}`,
    "--http-address=127.0.0.1",
    `--http-port=${port}`,
    "--grpc-address=127.0.0.1",
    `--grpc-port=${grpcPort}`,
    `--metrics-port=${metricsPort}`,
    ...flags
  ], { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...variables } })
  let stderr = ""
  child.stderr.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-65_536)
  })
  const gone = new Promise<number | null>((resolve) => child.once("exit", resolve))
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${stderr}`)
    if (performance.now() - began > 60_000) {
      child.kill("SIGKILL")
      throw new Error(`the server was not ready within 60 s:\n${stderr}`)
    }
    const ready = await isReady(`${url}/v2/health/ready`, authority)
    if (ready) break
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const startMillis = performance.now() - began
  return {
    url,
    port,
    grpcPort,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    pid: child.pid!,
    startMillis,
    rss: () => {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8")
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
    },
    stop: async () => {
      child.kill("SIGTERM")
      await gone
    },
    terminate: () => {
      child.kill("SIGTERM")
      return gone
    },
    log: () => stderr
  }
}

/** A process of something to stand beside. */
export interface Yardstick {
  /** What it printed first. */
  readonly line: string
  readonly pid: number
  /** Writes a line to it and gives the one that it answers with. */
  readonly ask: (line: string) => Promise<string>
  readonly stop: () => void
}

/** Starts a script of `yardsticks/`, and waits for what it prints first. */
export const yardstick = (script: string, args: ReadonlyArray<string>): Promise<Yardstick> =>
  new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ["--expose-gc", fileURLToPath(new URL(`./yardsticks/${script}`, import.meta.url)), ...args],
      {
        stdio: ["pipe", "pipe", "inherit"]
      }
    )
    const lines = createInterface({ input: child.stdout })
    let fail = reject
    const next = () =>
      new Promise<string>((resolve, reject) => {
        fail = reject
        lines.once("line", resolve)
      })
    child.once("error", (error) => fail(error))
    child.once("close", (code) => fail(new Error(`${script} ended with ${code} before it printed its result`)))
    void next().then((line) =>
      resolve({
        line,
        pid: child.pid!,
        ask: (asked) => {
          const answer = next()
          child.stdin.write(`${asked}\n`)
          return answer
        },
        stop: () => {
          child.stdin.end()
          child.kill()
        }
      }), reject)
  })
