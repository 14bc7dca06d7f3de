/**
 * What NVIDIA's driver says of its GPUs, by its own program `nvidia-smi`, run in a process of its own.
 *
 * Source: `nvidia-smi --help-query-gpu`.
 */
import { execFile } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

/** One GPU at one moment. What the driver does not tell is `undefined`. @category models */
export interface NvidiaGpu {
  readonly index: number
  readonly uuid: string
  readonly name: string
  /** Of CUDA, such as `9.0`. */
  readonly computeCapability: string | undefined
  readonly memoryTotalBytes: number | undefined
  readonly memoryUsedBytes: number | undefined
  /** Share of the time in which something ran, between 0 and 1. */
  readonly utilization: number | undefined
  readonly powerWatts: number | undefined
  readonly powerLimitWatts: number | undefined
}

const fields = [
  "index",
  "uuid",
  "name",
  "compute_cap",
  "memory.total",
  "memory.used",
  "utilization.gpu",
  "power.draw",
  "power.limit"
]

/** Arguments that make the program print what `parse` reads. @internal */
export const query: ReadonlyArray<string> = [`--query-gpu=${fields.join(",")}`, "--format=csv,noheader,nounits"]

const megabyte = 1024 * 1024

/** One GPU a line, fields between commas. A line that is none is left out. @category parsing */
export const parse = (text: string): ReadonlyArray<NvidiaGpu> =>
  text.split("\n").flatMap((line) => {
    const cells = line.split(",").map((cell) => cell.trim())
    if (cells.length !== fields.length || !/^\d+$/.test(cells[0]!)) return []
    // `[N/A]`, `[Not Supported]` and the like are no numbers.
    const number = (at: number, scale = 1) => {
      const value = cells[at] === "" ? Number.NaN : Number(cells[at])
      return Number.isFinite(value) ? value * scale : undefined
    }
    return [{
      index: Number(cells[0]),
      uuid: cells[1]!,
      name: cells[2]!,
      computeCapability: /^\d+\.\d+$/.test(cells[3]!) ? cells[3] : undefined,
      memoryTotalBytes: number(4, megabyte),
      memoryUsedBytes: number(5, megabyte),
      utilization: number(6, 0.01),
      powerWatts: number(7),
      powerLimitWatts: number(8)
    }]
  })

/** The program's file: the first in the folders of `path`. `undefined`: there is none. @category getters */
export const find = (path: string = process.env["PATH"] ?? ""): string | undefined => {
  const name = process.platform === "win32" ? "nvidia-smi.exe" : "nvidia-smi"
  for (const folder of path.split(delimiter)) {
    if (folder === "") continue
    const file = join(folder, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      continue
    }
  }
  return undefined
}

/** Text that the program prints at most, for any number of GPUs. */
const maxBytes = 1024 * 1024

/**
 * Asks the program now, and ends it when it takes longer than `timeoutMillis`. Rejects with what it said where it fails.
 *
 * @category getters
 */
export const read = (file: string, timeoutMillis: number, signal?: AbortSignal): Promise<ReadonlyArray<NvidiaGpu>> =>
  new Promise((resolve, reject) => {
    execFile(
      file,
      query,
      { timeout: timeoutMillis, killSignal: "SIGKILL", maxBuffer: maxBytes, encoding: "utf8", signal },
      (error, stdout, stderr) => {
        if (error === null) return resolve(parse(stdout))
        const said = `${stderr}\n${stdout}`.trim().split("\n")[0] ?? ""
        reject(
          new Error(error.killed === true ? `it did not answer within ${timeoutMillis} ms` : said || error.message)
        )
      }
    )
  })
