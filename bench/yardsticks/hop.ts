/** The yardstick of latency: one message to an idle worker thread and back. Prints the median in microseconds. */
import { isMainThread, parentPort, Worker } from "node:worker_threads"

if (!isMainThread) parentPort!.on("message", (value) => parentPort!.postMessage(value))
else {
  const worker = new Worker(new URL(import.meta.url))
  const times: Array<number> = []
  let started = 0
  worker.on("message", () => {
    times.push(performance.now() - started)
    if (times.length === 2000) {
      const median = times.slice(200).sort((a, b) => a - b)[900]!
      process.stdout.write(`${(median * 1000).toFixed(0)}\n`)
      void worker.terminate()
      return
    }
    // A turn of the loop in between, so that both threads are idle when the message leaves.
    setTimeout(() => {
      started = performance.now()
      worker.postMessage(1)
    }, 1)
  })
  worker.on("online", () => {
    started = performance.now()
    worker.postMessage(1)
  })
}
