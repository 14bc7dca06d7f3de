/**
 * The program of a process of instances: it serves sessions, or one custom model. What it is asked for first decides, and only what
 * that needs is loaded.
 */
import { Worker } from "node:worker_threads"
import { Frame, Head } from "./Frame.ts"
import { HostChannel } from "./HostChannel.ts"
import { HostMemory } from "./HostQueue.ts"
import * as Told from "./Told.ts"

const [hasFiles, heartMillis] = process.argv.slice(2).map(Number) as [number, number]

// The server ends its processes. What a terminal or a supervisor sends to the whole group is not for them.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {})

const channel = new HostChannel()
const memory = new HostMemory(hasFiles === 1)

process.on("uncaughtException", (error: unknown) => {
  const told: Told.FromProcess = error instanceof Error
    ? { _tag: "Failed", message: error.message, stack: error.stack }
    : { _tag: "Failed", message: String(error), stack: undefined }
  channel.tell(0, told)
  channel.drained(() => process.exit(1))
})

new Worker(new URL(import.meta.url.endsWith(".ts") ? "./Heart.ts" : "./Heart.js", import.meta.url), {
  name: "galatea-heart",
  workerData: heartMillis,
  execArgv: [],
  resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 }
}).unref()

const first = channel.next()
if (first !== undefined) {
  const head = new Frame()
  head.read(first)
  const told = Told.decode<Told.ToProcess>(head.text)
  if (told._tag === "Open" && told.what._tag === "Custom") {
    const CustomHost = await import("./CustomHost.ts")
    void CustomHost.serve(head.head[Head.instance]!, told.what, channel, memory)
  } else {
    const SessionHost = await import("./SessionHost.ts")
    SessionHost.serve(first, channel, memory)
    process.exit(0)
  }
}
