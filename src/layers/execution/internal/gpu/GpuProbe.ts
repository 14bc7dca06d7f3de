/** Runs the program that tries GPUs, again where one provider ended it, and gathers what it has learnt. */
import { Duration, Effect } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as RuntimeReports from "../RuntimeReports.ts"
import * as SystemRefusal from "../SystemRefusal.ts"
import type { Line } from "./GpuProbeProgram.ts"
import * as Provider from "./Provider.ts"

/** @category models */
export interface Options {
  readonly timeout: Duration.Duration
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Default: the program of this folder. */
  readonly program?: URL | undefined
}

/** @category models */
export interface Found {
  /** Devices on which each provider has computed something. */
  readonly works: ReadonlyMap<string, ReadonlyArray<number>>
  /** Why others did not, in the runtime's words. */
  readonly fails: ReadonlyMap<string, string>
  /** What ended the process, one sentence part each: worth a warning. */
  readonly crashes: ReadonlyArray<string>
}

/** The program: TypeScript where this runs from sources, JavaScript in the built package. */
const programFile: URL = new URL(
  import.meta.url.endsWith(".ts") ? "./GpuProbeProgram.ts" : "./GpuProbeProgram.js",
  import.meta.url
)

/** GPUs are numbered as `nvidia-smi` numbers them, in every process that uses some. */
export const numbering: Readonly<Record<string, string>> = { CUDA_DEVICE_ORDER: "PCI_BUS_ID" }

/** Characters of what a process says that are kept. */
const maxText = 64 * 1024

interface Ended {
  readonly lines: ReadonlyArray<Line>
  /** What was said on the standard error. */
  readonly complaints: string
  /** `undefined`: it came to its own end. */
  readonly how: string | undefined
}

const parse = (text: string): ReadonlyArray<Line> =>
  text.split("\n").flatMap((line) => {
    try {
      return line.startsWith("{\"_tag\":") ? [JSON.parse(line) as Line] : []
    } catch {
      // The process ended in the middle of a line.
      return []
    }
  })

/** One process, from its start to its end; interrupted, it is killed. */
const once = (options: Options, skipped: ReadonlyArray<string>): Effect.Effect<Ended> =>
  Effect.callback<Ended>((resume) => {
    const millis = Duration.toMillis(options.timeout)
    const child = spawn(
      process.execPath,
      [fileURLToPath(options.program ?? programFile), ...skipped],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...RuntimeReports.declined, ...(options.environment ?? process.env), ...numbering }
      }
    )
    let said = ""
    let complained = ""
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill("SIGKILL")
    }, millis)
    // Without a file descriptor left it has no streams, whatever the types say: the error says why.
    const { stderr, stdout }: Partial<typeof child> = child
    stdout?.setEncoding("utf8").on("data", (text: string) => {
      if (said.length < maxText) said += text
    })
    stderr?.setEncoding("utf8").on("data", (text: string) => {
      if (complained.length < maxText) complained += text
    })
    const end = (how: string | undefined) => {
      clearTimeout(timer)
      resume(Effect.succeed({ lines: parse(said), complaints: complained, how }))
    }
    child.once("error", (error) => end(`could not be started: ${SystemRefusal.wordsOf(error)}`))
    child.once("close", (code, signal) => {
      const words = lastWords(complained)
      if (late) end(`did not answer within ${Duration.format(options.timeout)}`)
      else if (code === 0) end(undefined)
      else end(`ended with ${signal ?? `exit code ${code}`}${words === "" ? "" : `: ${words}`}`)
    })
    return Effect.sync(() => {
      clearTimeout(timer)
      child.kill("SIGKILL")
    })
  })

/** The last line that is not ours, without colours. */
const lastWords = (complained: string): string =>
  // oxlint-disable-next-line no-control-regex -- what colours a terminal
  complained.replaceAll(/\u001b\[[\d;]*m/g, "").split("\n").map((line) => line.trim())
    .findLast((line) => line !== "" && !line.startsWith(Provider.marked)) ?? ""

/** What could not be loaded while a provider was tried. */
const unloaded = (provider: string, complaints: string): string | undefined => {
  const own = complaints.split(`\n${Provider.mark(provider)}\n`)[1]?.split(`\n${Provider.marked}`)[0] ?? ""
  const found = /Failed to load library \S+ with error: (.+)/.exec(own) ?? /Couldn't load Vulkan: (.+)/.exec(own)
  return found?.[1]?.replace(/: No such file or directory$/, "").replace(/^\S*\//, "")
}

/** The runtime's words without the place in its sources, and without what follows the first line. */
export const plain = (reason: string): string => {
  const line = reason.trim().split("\n")[0]!
  return /was false\. (.+)$/.exec(line)?.[1] ?? line.replace(/^\/\S+:\d+ .*\) (?=\S)/, "")
}

/**
 * Tries every provider in a process of its own. A provider that crashes it, or does not answer, does not work; the others are
 * tried in another process.
 *
 * @category getters
 */
export const run = Effect.fnUntraced(function*(options: Options) {
  const works = new Map<string, Array<number>>()
  const fails = new Map<string, string>()
  const crashes: Array<string> = []
  // Each further process leaves out one provider more at least.
  for (let left = Provider.onGpus.length + 1; left > 0; left--) {
    const { complaints, how, lines } = yield* once(options, [...works.keys(), ...fails.keys()])
    let trying: string | undefined
    for (const line of lines) {
      if (line._tag === "Providers") {
        for (const provider of Provider.onGpus) {
          if (!line.names.includes(provider)) fails.set(provider, Provider.absent(provider))
        }
      } else if (line._tag === "Trying") trying = line.provider
      else {
        trying = undefined
        if (line._tag === "Works") works.set(line.provider, [...(works.get(line.provider) ?? []), line.id])
        else if (!works.has(line.provider)) {
          const why = unloaded(line.provider, complaints)
          fails.set(line.provider, why ?? plain(line.reason))
        }
      }
    }
    if (how === undefined) break
    crashes.push(
      trying === undefined ? `the process that looks for GPUs ${how}` : `trying ${trying}, a process ${how}`
    )
    if (trying === undefined) break
    // What has worked before on other devices is not to be trusted with this one there.
    works.delete(trying)
    fails.set(trying, `a process that tried it ${how}`)
  }
  return { works, fails, crashes } satisfies Found
})
