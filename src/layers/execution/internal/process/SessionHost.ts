/**
 * Serves sessions in a process. Its main thread stands still in the native runtime, or until it is sent something; several sessions
 * take turns.
 */
import { trimHeap } from "../../../HeapTrim.ts"
import type { AnswerMessage } from "../Mailbox.ts"
import * as OrtRunner from "../OrtRunner.ts"
import * as OrtSession from "../OrtSession.ts"
import { Frame, Head, Kind } from "./Frame.ts"
import type { HostChannel } from "./HostChannel.ts"
import { type HostMemory, HostQueue } from "./HostQueue.ts"
import * as Told from "./Told.ts"

interface Open {
  readonly session: OrtSession.OrtSession
  readonly queue: HostQueue
  readonly run: () => AnswerMessage | undefined
}

const refused = (error: unknown): Told.FromProcess => ({
  _tag: "Refused",
  reason: error instanceof Error ? error.message : String(error)
})

/** Does what it is sent, `first` to begin with, until the server is gone. */
export const serve = (first: Uint8Array, channel: HostChannel, memory: HostMemory): void => {
  const frame = new Frame()
  const sessions = new Map<number, Open>()

  const opened = ({ inputs, outputs }: OrtSession.OrtSession): Told.FromProcess => ({ _tag: "Opened", inputs, outputs })

  const hear = (instance: number, told: Told.ToProcess): Told.FromProcess | undefined => {
    switch (told._tag) {
      case "Open": {
        const { what } = told
        if (what._tag === "Custom") return refused("this process serves sessions")
        const session = OrtSession.open(what.path, what.settings)
        const queue = new HostQueue(instance, what.run, channel, memory)
        sessions.set(instance, { session, queue, run: OrtRunner.make(session, queue) })
        return opened(session)
      }
      case "Look": {
        const session = OrtSession.open(told.path, told.settings)
        const found = opened(session)
        session.close()
        return found
      }
      case "Close": {
        sessions.get(instance)?.session.close()
        sessions.delete(instance)
        return { _tag: "Closed" }
      }
      case "Idle": {
        memory.trim()
        trimHeap()
        return undefined
      }
      default:
        return undefined
    }
  }

  const hearSafely = (instance: number, told: Told.ToProcess): Told.FromProcess | undefined => {
    try {
      return hear(instance, told)
    } catch (error) {
      return refused(error)
    }
  }

  for (let bytes: Uint8Array | undefined = first; bytes !== undefined; bytes = channel.next()) {
    frame.readHead(bytes)
    const instance = frame.head[Head.instance]!
    if (frame.head[Head.kind] === Kind.run) {
      const { queue, run } = sessions.get(instance)!
      queue.push(bytes)
      queue.begin()
      queue.end(run())
      continue
    }
    frame.read(bytes)
    const answer = hearSafely(instance, Told.decode<Told.ToProcess>(frame.text))
    if (answer !== undefined) channel.tell(instance, answer)
  }
}
