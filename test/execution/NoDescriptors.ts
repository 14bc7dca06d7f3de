/** Starts a process of instances where no file can be opened any more, and says what its members hear of it. */
import { openSync } from "node:fs"
import { HostProcess, type Member } from "../../src/layers/execution/internal/process/HostProcess.ts"

try {
  while (true) openSync("/dev/null", "r")
} catch {
  // As many as there may be.
}

const member = (name: string): Member => ({
  answered: () => {},
  told: () => {},
  ended: (reason) => console.log(`${name}: ${reason}`)
})

const host = new HostProcess({ heapMegabytes: 64, environment: {}, heartMillis: 100, heartTimeoutMillis: 1000 })
host.join(member("first"))
host.tell(1, { _tag: "Idle" })
await host.ended
host.join(member("second"))
await host.close()
console.log("no more")
