/** Serves one custom model in a process. */
import * as CustomServe from "../CustomServe.ts"
import { Frame, Head, Kind } from "./Frame.ts"
import type { HostChannel } from "./HostChannel.ts"
import { type HostMemory, HostQueue } from "./HostQueue.ts"
import * as Told from "./Told.ts"

type Ended = Extract<Told.ToProcess, { readonly _tag: "SequenceEnded" }>

/** Opens the model, and serves it until it is asked to end or the server is gone. */
export const serve = (
  instance: number,
  { start }: Told.CustomOpen,
  channel: HostChannel,
  memory: HostMemory
): Promise<void> => {
  const queue = new HostQueue(instance, start.run, channel, memory, true)
  const level = start.log.verbosity
  const verbosity = level === undefined ? undefined : new Int32Array(new SharedArrayBuffer(4)).fill(level)
  const ended: Array<Ended> = []
  const head = new Frame()

  const take = (bytes: Uint8Array) => {
    head.readHead(bytes)
    if (head.head[Head.kind] === Kind.run) return queue.push(bytes)
    head.read(bytes)
    const told = Told.decode<Told.ToProcess>(head.text)
    if (told._tag === "SequenceEnded") ended.push(told)
    else if (told._tag === "Close") queue.close()
    else if (told._tag === "Verbosity" && verbosity !== undefined) Atomics.store(verbosity, 0, told.level)
    else if (told._tag === "Idle") memory.trim()
  }

  return CustomServe.main({ ...start, log: { ...start.log, verbosity } }, {
    queue,
    say: (message) => channel.tell(instance, message),
    hear: () => ended.splice(0),
    listen: (wake) => channel.listen(take, wake, () => process.exit(0)),
    exit: () => new Promise<never>(() => channel.drained(() => process.exit(0)))
  })
}
