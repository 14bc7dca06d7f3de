/** The socket to the server, as a process of instances sees it: it stands still until a frame comes, or has its event loop told of it. */
import { readSync, writeSync } from "node:fs"
import { Socket } from "node:net"
import { Descriptor } from "./Descriptors.ts"
import { Batch, Frame, FrameReader, Head, inFrame, Kind } from "./Frame.ts"
import * as Told from "./Told.ts"

/** Answers wait this long, in milliseconds, for the next one to be written with them, where the next run is there already. */
const gatherMillis = 0.05

/** @category models */
export class HostChannel {
  private readonly reader = new FrameReader()
  private readonly batch = new Batch()
  private readonly toldFrame = new Frame()
  private readonly buffer = Buffer.allocUnsafeSlow(262_144)
  private socket: Socket | undefined
  private waitingSince = 0

  constructor() {
    this.toldFrame.head[Head.kind] = Kind.told
    this.toldFrame.head[Head.blockAt] = inFrame
  }

  /** The next frame; `undefined` once the server is gone. Writes what was gathered before it waits. */
  next(): Uint8Array | undefined {
    while (true) {
      const frame = this.reader.next()
      if (frame !== undefined) {
        if (!this.batch.isEmpty && performance.now() - this.waitingSince > gatherMillis) this.flush()
        return frame
      }
      this.flush()
      const count = readSync(Descriptor.frames, this.buffer)
      if (count === 0) return undefined
      this.reader.push(this.buffer.subarray(0, count))
    }
  }

  /** From now on frames come by the event loop. `wake`: after some have come. `ended`: the server is gone. */
  listen(onFrame: (frame: Uint8Array) => void, wake: () => void, ended: () => void): void {
    const take = () => {
      for (let frame = this.reader.next(); frame !== undefined; frame = this.reader.next()) onFrame(frame)
      wake()
    }
    this.flush()
    this.socket = new Socket({ fd: Descriptor.frames, readable: true, writable: true })
    this.socket.on("data", (bytes) => {
      this.reader.push(bytes)
      take()
    })
    this.socket.on("end", ended)
    this.socket.on("error", ended)
    setImmediate(take)
  }

  /** Puts a frame behind those that wait to be written. */
  put(frame: Frame): void {
    if (this.batch.isEmpty) this.waitingSince = performance.now()
    frame.append(this.batch)
  }

  /** Tells the server something at once. */
  tell(instance: number, told: Told.FromProcess): void {
    this.toldFrame.head[Head.instance] = instance
    this.toldFrame.text = Told.encode(told)
    this.put(this.toldFrame)
    this.flush()
  }

  /** Writes what was gathered. */
  flush(): void {
    if (this.batch.isEmpty) return
    if (this.socket !== undefined) {
      this.socket.write(this.batch.take())
      return
    }
    const bytes = this.batch.view()
    for (let done = 0; done < bytes.byteLength;) done += writeSync(Descriptor.frames, bytes, done)
    this.batch.clear()
  }

  /** Calls when everything is written. */
  drained(then: () => void): void {
    this.flush()
    if (this.socket === undefined) then()
    else this.socket.end(then)
  }
}
