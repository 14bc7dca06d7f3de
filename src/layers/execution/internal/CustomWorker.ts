/** The thread of one instance of a custom model. */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads"
import * as CustomServe from "./CustomServe.ts"
import type { CustomThreadStart, ToCustomWorker } from "./CustomStart.ts"
import type { FromWorker } from "./Mailbox.ts"
import { WorkerMailbox } from "./WorkerMailbox.ts"

const port = parentPort!
const start = workerData as CustomThreadStart
const say = (message: FromWorker) => port.postMessage(message)
const ended: Array<Exclude<ToCustomWorker, 0>> = []

void CustomServe.main(start, {
  queue: new WorkerMailbox(start.run, () => say(0)),
  say,
  hear: () => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      const message = next.message as ToCustomWorker
      if (message !== 0) ended.push(message)
    }
    return ended.splice(0)
  },
  listen: (wake) => {
    port.on("message", (message: ToCustomWorker) => {
      if (message !== 0) ended.push(message)
      wake()
    })
  },
  exit: () => process.exit(0)
})
