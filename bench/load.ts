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
  /**
   * Bodies that are sent in turns instead, at least one for each connection. A body is not sent twice at a time as long as answers
   * come about in the order of their requests.
   */
  readonly turns?: ReadonlyArray<Uint8Array>
  readonly headers: Readonly<Record<string, string>>
  readonly connections: number
  readonly seconds: number
}

export interface Outcome {
  /** Requests per second that were answered with 200. */
  readonly perSecond: number
  /** Median latency in microseconds. */
  readonly p50: number
  /** Requests that were answered. */
  readonly requests: number
}

const run = promisify(execFile)

/** Name of the load generator in use. */
export const generator: "wrk" | "autocannon" = spawnSync("wrk", ["--version"]).error === undefined
  ? "wrk"
  : "autocannon"

/** Runs the load once. Fails when anything but 200 was answered. */
export const drive = (load: Load): Promise<Outcome> => generator === "wrk" ? driveWrk(load) : driveAutocannon(load)

/** Requests that differ are asked for one by one: they are put together before. */
const inTurns = (count: number): ReadonlyArray<string> => [
  "local requests, at = {}, 0",
  "init = function()",
  `  for i = 1, ${count} do requests[i] = wrk.format(nil, nil, nil, read(i)) end`,
  "end",
  "request = function()",
  `  at = at % ${count} + 1`,
  "  return requests[at]",
  "end"
]

const driveWrk = async (load: Load): Promise<Outcome> => {
  const folder = mkdtempSync(join(tmpdir(), "galatea-bench-"))
  try {
    const bodies = load.turns ?? [load.body]
    for (const [i, body] of bodies.entries()) writeFileSync(join(folder, `body${i + 1}`), body)
    const script = [
      "wrk.method = \"POST\"",
      "local function read(i)",
      `  local file = io.open(${JSON.stringify(join(folder, "body"))} .. i, "rb")`,
      "  local body = file:read(\"*a\")",
      "  file:close()",
      "  return body",
      "end",
      ...Object.entries(load.headers).map(([name, value]) =>
        `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`
      ),
      ...load.turns === undefined ? ["wrk.body = read(1)"] : inTurns(bodies.length),
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
      // Two seconds are short where a machine has other work.
      "--timeout=30s",
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
    return { perSecond: requests / micros * 1e6, p50, requests }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const driveAutocannon = async (load: Load): Promise<Outcome> => {
  const { turns = [load.body] } = load
  let clients = 0
  const result = await autocannon({
    url: load.url,
    // Each connection keeps the body that it begins with.
    setupClient: (client) => client.setBody(Buffer.from(turns[clients++ % turns.length]!)),
    method: "POST",
    headers: load.headers,
    connections: load.connections,
    duration: load.seconds
  })
  if (result.non2xx + result.errors > 0) {
    throw new Error(`${result.non2xx} answers were not 200 and ${result.errors} failed, at ${load.url}`)
  }
  return {
    perSecond: result.requests.total / result.duration,
    p50: result.latency.p50 * 1000,
    requests: result.requests.total
  }
}
