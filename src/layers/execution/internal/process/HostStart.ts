/** Starts the program of a process of instances. */
import { type ChildProcess, spawn } from "node:child_process"
import { type Duplex, PassThrough, type Readable } from "node:stream"
import * as SystemRefusal from "../SystemRefusal.ts"
import { Descriptor } from "./Descriptors.ts"

/** @category models */
export interface Options {
  readonly program: string
  readonly arguments: ReadonlyArray<string>
  readonly heapMegabytes: number
  readonly environment: NodeJS.ProcessEnv
  /** Files that it has open behind its socket and its heart. */
  readonly files: ReadonlyArray<number>
}

/** @category models */
export interface Started {
  /** `undefined`: the system has refused even to try. */
  readonly child: ChildProcess | undefined
  readonly output: ReadonlyArray<Readable>
  readonly frames: Duplex
  readonly heart: Readable
}

/**
 * Where it cannot be started `failed` hears why, later, and the streams say nothing.
 *
 * @category constructors
 */
export const start = (options: Options, failed: (reason: string) => void): Started => {
  let child: ChildProcess | undefined
  try {
    child = spawn(
      process.execPath,
      [
        `--max-old-space-size=${options.heapMegabytes}`,
        "--disable-warning=ExperimentalWarning",
        options.program,
        ...options.arguments
      ],
      {
        env: options.environment,
        stdio: ["ignore", "pipe", "pipe", "pipe", "pipe", ...options.files],
        windowsHide: true
      }
    )
    child.on("error", (error) => failed(SystemRefusal.wordsOf(error)))
  } catch (error) {
    const reason = SystemRefusal.wordsOf(error)
    process.nextTick(() => failed(reason))
  }
  // Without a descriptor left there are no streams at all, whatever the types say.
  const streams: ChildProcess["stdio"] | undefined = child?.stdio
  const stream = (index: number) => (streams?.[index] ?? new PassThrough()) as Duplex
  return { child, output: [stream(1), stream(2)], frames: stream(Descriptor.frames), heart: stream(Descriptor.heart) }
}
