/** A process of instances, seen from the server: started, listened to, and ended. */
import { Deferred, Exit } from "effect"
import type { ChildProcess } from "node:child_process"
import { closeSync, readSync } from "node:fs"
import type { Duplex, Readable } from "node:stream"
import { begunBytes, maxUnread } from "./Descriptors.ts"
import { Batch, Frame, FrameReader, Head, inFrame, Kind } from "./Frame.ts"
import { HeartWatch } from "./HeartWatch.ts"
import * as HostStart from "./HostStart.ts"
import { LastWords } from "./LastWords.ts"
import * as Told from "./Told.ts"
import * as TransferFile from "./TransferFile.ts"
import * as TransferFolder from "./TransferFolder.ts"

/** @category models */
export interface Options {
  /** The program. Default: the server's own. */
  readonly file?: URL
  /** JavaScript heap, in megabytes. */
  readonly heapMegabytes: number
  readonly environment: NodeJS.ProcessEnv
  /** Large tensors cross by files in memory where the machine has a place for them. Default: yes. */
  readonly files?: boolean | undefined
  /** Between two beats of its heart, in milliseconds. */
  readonly heartMillis: number
  /** Without a beat for so long it is taken for dead. */
  readonly heartTimeoutMillis: number
}

/** An instance in the process. @category models */
export interface Member {
  /** A run was answered; the frame is good until this returns. */
  readonly answered: (frame: Frame) => void
  readonly told: (told: Told.FromProcess) => void
  /** Comes by about once a second. */
  readonly resting?: () => void
  /** The process is no more, for a reason that clients may read; it had begun so many runs. `undefined`: nobody knows. */
  readonly ended: (reason: string, begun: number | undefined) => void
}

/** The program: TypeScript where this runs from sources, JavaScript in the built package. */
const hostFile = new URL(import.meta.url.endsWith(".ts") ? "./Host.ts" : "./Host.js", import.meta.url)

/** How long what it has written may take to arrive after its end. */
const drainMillis = 200

/** What a terminal or a supervisor sends to the server and all that it has started. */
const groupSignals: ReadonlySet<NodeJS.Signals> = new Set(["SIGINT", "SIGTERM", "SIGHUP"])

/** How long it may take to end by itself. */
const closeMillis = 5000

/** Longest error that a process itself gives for its end, in characters. */
const maxSaid = 4096

/** Bytes that wait for the socket before it is given no more runs. */
const maxWaiting = 4_194_304

/** @category models */
export class HostProcess {
  /** It is ended because its heart does not beat. */
  isSilent = false
  /** Whoever started it does not end it: it is kept for another use. */
  isKept = false
  /** A signal to the whole group of the server, which is not for it, came before it was far enough to leave it alone. */
  isStopped = false
  readonly pid: number | undefined
  /** Resolves, after every member was told, when nothing of the process is left. */
  readonly ended: Promise<void>
  /** Completes when its heart beats: from then on it is known when it does not. */
  readonly beating = Deferred.makeUnsafe<void>()
  readonly requests: TransferFile.TransferWriter
  private readonly child: ChildProcess | undefined
  private readonly streams: ReadonlyArray<Readable>
  private readonly socket: Duplex
  private readonly requestsFile: number | undefined
  private readonly answersFile: number | undefined
  private readonly members = new Map<number, Member>()
  private readonly reader = new FrameReader()
  private readonly frame = new Frame()
  private readonly toldFrame = new Frame()
  private readonly batch = new Batch()
  private readonly words = new LastWords()
  private readonly heart: HeartWatch
  private lastInstance = 0
  /** Runs that were sent, and those of them that were answered. */
  private sent = 0
  private answered = 0
  /** Blocks of answers that were read from the file, and blocks of requests that the process has read. */
  private blocksRead = 0
  private blocksTaken = 0
  private handling = false
  private scheduled = false
  private idle = true
  private reason: string | undefined
  /** What the process or the system says of it. */
  private said: string | undefined
  private resolveEnded!: () => void
  private endedBy = ""
  /** Why it has ended, with what it said itself: paths of this machine may be in there. */
  endedInFull = ""
  isEnded = false

  constructor(options: Options) {
    const files = options.files === false ? undefined : TransferFolder.openPair(begunBytes)
    const hasFiles = files !== undefined
    this.requestsFile = files?.requests
    this.answersFile = files?.answers
    this.requests = new TransferFile.TransferWriter(this.requestsFile, 0, maxUnread)
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve
    })
    this.toldFrame.head[Head.kind] = Kind.told
    this.toldFrame.head[Head.blockAt] = inFrame
    const { pathname } = options.file ?? hostFile
    let exit: string | undefined
    const started = HostStart.start({
      program: decodeURIComponent(pathname),
      arguments: [hasFiles ? "1" : "0", String(options.heartMillis)],
      heapMegabytes: options.heapMegabytes,
      environment: options.environment,
      files: hasFiles ? [this.requestsFile!, this.answersFile!] : []
    }, (why) => {
      exit ??= "its process could not be started"
      this.said ??= why
      if (this.pid === undefined) this.end(exit)
    })
    const { child, frames, heart, output } = started
    this.child = child
    this.streams = [...output, frames, heart]
    this.pid = child?.pid
    for (const stream of output) this.words.listen(stream)
    this.heart = new HeartWatch(heart, options.heartMillis, options.heartTimeoutMillis, {
      begun: () => Deferred.doneUnsafe(this.beating, Exit.void),
      stopped: (silent) => {
        this.isSilent = true
        this.kill(`its process did not answer: no heartbeat for ${Math.round(silent)} ms`)
      },
      resting: () => this.rest()
    })
    this.socket = frames
    this.socket.on("data", this.receive)
    // What a process that is no more does not take; its end says why.
    this.socket.on("error", () => {})
    child?.once("exit", (code, signal) => {
      this.isStopped = signal !== null && groupSignals.has(signal) && !Deferred.isDoneUnsafe(this.beating)
      exit ??= signal === null ? `its process ended with code ${code}` : `its process was ended by ${signal}`
      setTimeout(() => this.end(exit!), drainMillis).unref()
    })
    child?.once("close", () => this.end(exit ?? "its process ended"))
  }

  /** Resident bytes, as last heard. */
  readonly memoryBytes = (): number | undefined => this.heart.memoryBytes

  /** It should not be given more before it has answered some. */
  get isFull(): boolean {
    return this.requests.isFull || this.socket.writableLength > maxWaiting
  }

  /** Adds an instance; what it is told is for the process, and begins when it was told to open. */
  join(member: Member): number {
    const id = ++this.lastInstance
    if (this.isEnded) queueMicrotask(() => member.ended(this.endedBy, undefined))
    else this.members.set(id, member)
    return id
  }

  leave(id: number): void {
    this.members.delete(id)
  }

  tell(instance: number, told: Told.ToProcess): void {
    if (this.isEnded) return
    this.toldFrame.head[Head.instance] = instance
    this.toldFrame.text = Told.encode(told)
    this.toldFrame.append(this.batch)
    this.flush()
  }

  /** Sends a run, at once or, where it has others, with those that follow it. Gives its number among all runs of the process. */
  run(frame: Frame): number {
    const alone = this.sent === this.answered
    this.idle = false
    frame.head[Head.read] = this.blocksRead
    frame.append(this.batch)
    this.sent++
    if (this.handling) return this.sent
    if (alone) this.flush()
    else if (!this.scheduled) {
      this.scheduled = true
      setImmediate(this.flushLater)
    }
    return this.sent
  }

  /** Fills `bytes` with a part of the block of an answer. */
  readBlock(frame: Frame, at: number, bytes: Uint8Array): void {
    const { block, head } = frame
    if (head[Head.blockAt] === inFrame) {
      const part = block[0]
      if (part === undefined || at + bytes.byteLength > part.byteLength) throw new Error("a tensor is not whole")
      bytes.set(part.subarray(at, at + bytes.byteLength))
    } else TransferFile.readAll(this.answersFile!, bytes, head[Head.blockAt]! + at)
  }

  /** Ends it at once, whatever it does. */
  kill(reason: string): void {
    if (this.isEnded) return
    this.reason ??= reason
    this.child?.kill("SIGKILL")
  }

  /** Ends it, by itself where it does nothing any more. */
  close(): Promise<void> {
    if (!this.isEnded) {
      this.flush()
      this.socket.end()
      const late = setTimeout(() => this.kill("it did not end"), closeMillis)
      void this.ended.then(() => clearTimeout(late))
    }
    return this.ended
  }

  private readonly receive = (bytes: Uint8Array): void => {
    this.handling = true
    try {
      this.reader.push(bytes)
      for (let next = this.reader.next(); next !== undefined; next = this.reader.next()) this.take(next)
    } catch (error) {
      this.said ??= error instanceof Error ? error.message : String(error)
      this.kill("its process sent what nobody can read")
    } finally {
      this.handling = false
      this.flush()
    }
  }

  private take(bytes: Uint8Array): void {
    const { frame } = this
    frame.read(bytes)
    const { head } = frame
    const member = this.members.get(head[Head.instance]!)
    if (head[Head.kind] === Kind.answer) {
      this.answered++
      member?.answered(frame)
      if (head[Head.blockAt] !== inFrame) this.blocksRead++
      return
    }
    const told = Told.decode<Told.FromProcess>(frame.text)
    if (told._tag === "Failed") {
      if (this.reason === undefined) {
        this.reason = "its process met an error that nothing caught"
        this.said ??= told.message.slice(0, maxSaid)
      }
      for (const each of this.members.values()) each.told(told)
    } else member?.told(told)
  }

  /** A run whose block lay in the file was answered. */
  blockTaken(): void {
    this.requests.wasRead(++this.blocksTaken)
  }

  private readonly flushLater = (): void => {
    this.scheduled = false
    this.flush()
  }

  private flush(): void {
    if (this.batch.isEmpty || this.isEnded) return
    this.socket.write(this.batch.take())
  }

  /** Once nothing has been done for a while. */
  private rest(): void {
    for (const member of this.members.values()) member.resting?.()
    if (this.sent !== this.answered) return
    if (this.idle) return
    this.idle = true
    this.requests.trim()
    this.tell(0, { _tag: "Idle" })
  }

  private end(reason: string): void {
    if (this.isEnded) return
    this.isEnded = true
    this.heart.stop()
    const begun = this.begunRuns()
    for (const stream of this.streams) stream.destroy()
    if (this.requestsFile !== undefined) closeSync(this.requestsFile)
    if (this.answersFile !== undefined) closeSync(this.answersFile)
    const words = this.words.text()
    this.endedBy = this.reason ?? reason
    const why = this.said === undefined ? this.endedBy : `${this.endedBy}: ${this.said}`
    this.endedInFull = words === "" ? why : `${why}; its last words: ${words}`
    try {
      for (const member of this.members.values()) member.ended(this.endedBy, begun)
    } finally {
      this.members.clear()
      this.resolveEnded()
    }
  }

  private begunRuns(): number | undefined {
    if (this.answersFile === undefined) return undefined
    const begun = new Float64Array(begunBytes / 8)
    return readSync(this.answersFile, begun, 0, 8, 0) === 8 ? begun[0]! : 0
  }
}
