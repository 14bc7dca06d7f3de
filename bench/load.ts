/** Drives one URL with `wrk` where it is installed, with `autocannon` otherwise. */
import autocannon from "autocannon"
import { execFile, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

export interface Load {
  readonly url: string
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  readonly connections: number
  readonly seconds: number
}

export interface Outcome {
  /** Requests per second that were answered with 200. */
  readonly perSecond: number
  /** Median latency in microseconds. */
  readonly p50: number
}

const run = promisify(execFile)

/** Name of the load generator in use. */
export const generator: "wrk" | "autocannon" = spawnSync("wrk", ["--version"]).error === undefined
  ? "wrk"
  : "autocannon"

/** Runs the load once. Fails when anything but 200 was answered. */
export const drive = (load: Load): Promise<Outcome> => generator === "wrk" ? driveWrk(load) : driveAutocannon(load)

const driveWrk = async (load: Load): Promise<Outcome> => {
  const folder = mkdtempSync(join(tmpdir(), "galatea-bench-"))
  try {
    writeFileSync(join(folder, "body"), load.body)
    const script = [
      "wrk.method = \"POST\"",
      `local file = io.open(${JSON.stringify(join(folder, "body"))}, "rb")`,
      "wrk.body = file:read(\"*a\")",
      "file:close()",
      ...Object.entries(load.headers).map(([name, value]) =>
        `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`
      ),
      "done = function(summary, latency, requests)",
      "  io.write(string.format(\"RESULT %d %d %d %d %d\\n\", summary.requests, summary.duration, latency:percentile(50),",
      "    summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))",
      "end"
    ]
    writeFileSync(join(folder, "post.lua"), script.join("\n"))
    const { stdout } = await run("wrk", [
      "-t1",
      `-c${load.connections}`,
      `-d${Math.round(load.seconds)}s`,
      "-s",
      join(folder, "post.lua"),
      load.url
    ])
    const found = /RESULT (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(stdout)
    if (found === null) throw new Error(`wrk printed no result:\n${stdout}`)
    const [requests, micros, p50, refused, broken] = found.slice(1).map(Number) as [
      number,
      number,
      number,
      number,
      number
    ]
    if (refused + broken > 0) throw new Error(`${refused} answers were not 200 and ${broken} failed, at ${load.url}`)
    return { perSecond: requests / micros * 1e6, p50 }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const driveAutocannon = async (load: Load): Promise<Outcome> => {
  const result = await autocannon({
    url: load.url,
    method: "POST",
    body: Buffer.from(load.body),
    headers: load.headers,
    connections: load.connections,
    duration: load.seconds
  })
  if (result.non2xx + result.errors > 0) {
    throw new Error(`${result.non2xx} answers were not 200 and ${result.errors} failed, at ${load.url}`)
  }
  return { perSecond: result.requests.total / result.duration, p50: result.latency.p50 * 1000 }
}
