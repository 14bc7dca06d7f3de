/** Starts processes, and lists a folder, where no file can be opened any more, and says what is heard of them. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Duration, Effect } from "effect"
import { openSync } from "node:fs"
import * as GpuProbe from "../../src/layers/execution/internal/gpu/GpuProbe.ts"
import { HostProcess, type Member } from "../../src/layers/execution/internal/process/HostProcess.ts"
import * as WorkerThread from "../../src/layers/execution/internal/WorkerThread.ts"
import * as Directory from "../../src/layers/repository/internal/Directory.ts"

try {
  while (true) openSync("/dev/null", "r")
} catch {
  // As many as there may be.
}

const member = (name: string): Member => ({
  answered: () => {},
  told: () => {},
  ended: () => console.log(`${name}: ${host.endedInFull}`)
})

const host = new HostProcess({ heapMegabytes: 64, environment: {}, heartMillis: 100, heartTimeoutMillis: 1000 })
host.join(member("first"))
host.tell(1, { _tag: "Idle" })
await host.ended
host.join(member("second"))
await host.close()
const { crashes } = await Effect.runPromise(GpuProbe.run({ timeout: Duration.seconds(5) }))
console.log(crashes.join())
const worker = WorkerThread.start(new URL("./FaultyWorker.ts", import.meta.url), {}, [], 64)
const refuse = WorkerThread.refusal({ model: "m", path: "m.onnx" })
const refused = await Effect.runPromise(Effect.flip(WorkerThread.opened(worker, { runtime: "onnxruntime" }, refuse)))
console.log(`thread: ${refused.message}`)
const listing = Directory.list("/tmp").pipe(Effect.provide(NodeServices.layer), Effect.flip)
console.log((await Effect.runPromise(listing)).message)
console.log("no more")
