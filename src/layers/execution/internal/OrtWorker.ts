/**
 * The thread of one execution instance: opens a session, then runs what the mailbox asks for, one batch at a time. Or the thread that
 * looks at models.
 *
 * It sleeps in `Atomics.wait` and returns to its event loop only to end, so a run costs one wake-up and no message. It
 * imports nothing but the runtime and small modules: this decides start-up time and memory of every instance.
 */
import { parentPort, workerData } from "node:worker_threads"
import { trimHeap } from "../../HeapTrim.ts"
import * as Looker from "./look/Looker.ts"
import type * as LookThread from "./look/LookThread.ts"
import type { FromWorker, RunStart, Start } from "./Mailbox.ts"
import * as Mailbox from "./Mailbox.ts"
import * as OrtRunner from "./OrtRunner.ts"
import type { OrtSession } from "./OrtSession.ts"
import * as Session from "./OrtSession.ts"
import { WorkerMailbox } from "./WorkerMailbox.ts"

const { Word } = Mailbox

/** Nothing to do for so long: time to give back what starting up has used, once. */
const idleMillis = 1000

const serve = (session: OrtSession, run: RunStart) => {
  const mailbox = new WorkerMailbox(run, () => say(0))
  const { words } = mailbox
  const runSafely = OrtRunner.make(session, mailbox)
  let trimmed = false
  while (true) {
    if (!mailbox.isAsked()) {
      mailbox.sleeps(true)
      while (!mailbox.isAsked()) {
        const woken = Atomics.wait(words, Word.request, mailbox.served, trimmed ? Infinity : idleMillis)
        if (woken !== "timed-out") continue
        trimmed = true
        trimHeap()
      }
      mailbox.sleeps(false)
    }
    if (mailbox.isClosing()) return
    if (mailbox.begin()) mailbox.end(runSafely())
  }
}

const say = (message: FromWorker) => parentPort!.postMessage(message)

const main = (start: Start | typeof LookThread.start) => {
  // Pages that a thread leaves of its young generation stay for eight seconds, for other threads that might want them.
  if ("looks" in start) return Looker.serve(parentPort!, trimHeap)
  let session: OrtSession
  try {
    session = Session.open(start.path, start.settings)
  } catch (error) {
    return say({ _tag: "Refused", reason: error instanceof Error ? error.message : String(error) })
  }
  say({ _tag: "Opened", inputs: session.inputs, outputs: session.outputs })
  if (start.run !== undefined) {
    serve(session, start.run)
    start.run.port.close()
  }
  session.close()
}

main(workerData as Parameters<typeof main>[0])
