/** One execution instance in a process, seen from the main thread. */
import { Deferred, Effect, Exit } from "effect"
import { InvalidRequest } from "../../../../schema/Errors.ts"
import type { LentInstance, LossCause, Placement, StartedRun } from "../../../../services/Executor.ts"
import type { TensorMemory } from "../../../../services/TensorMemory.ts"
import type { Instance } from "../Instance.ts"
import * as Mailbox from "../Mailbox.ts"
import * as RunOutcome from "../RunOutcome.ts"
import * as RunRequest from "../RunRequest.ts"
import { type Done, WorkerRun } from "../WorkerRun.ts"
import { type Block, BlockCarrier } from "./BlockCarrier.ts"
import { align, fileFrom, Frame, Head, inFrame, Kind } from "./Frame.ts"
import type { HostProcess, Member } from "./HostProcess.ts"
import type { Beside, FromProcess } from "./Told.ts"
import * as Told from "./Told.ts"

const { Answer, Place, Request, State, Status, Word } = Mailbox

/** @category models */
export interface Options extends RunOutcome.Of {
  readonly version: number
  readonly path: string
  readonly memory: TensorMemory["Service"]
  readonly host: HostProcess
  /** Hears what the process tells of the instance before and while it is open. */
  readonly told: (told: FromProcess) => void
  /** The server's verbose level, which it may change; the process is told. Absent: it does not care. */
  readonly verbosity?: Int32Array | undefined
  /** Monotonic nanoseconds. */
  readonly now: () => bigint
}

/** A run on its way to the process, or in it. */
class ProcessRun extends WorkerRun {
  readonly block: Block
  readonly fields: Float64Array
  /** Number among the runs of the process, 0 where it was not sent. */
  sequence = 0
  /** Its block lies in the file. */
  inFile = false

  constructor(
    number: number,
    written: RunRequest.Written,
    done: Done,
    states: Int32Array,
    block: Block,
    fields: Float64Array
  ) {
    super(number, written, done, states)
    this.block = block
    this.fields = fields
  }
}

/** Runs that an instance takes at once. */
const maxRuns = Mailbox.places

const nothing: StartedRun = { withdraw: () => false }

/** @category models */
export class ProcessInstance implements Instance, Member {
  readonly lost = Deferred.makeUnsafe<string>()
  readonly id: number
  memoryBytes: () => number | undefined
  sequenceEnded?: NonNullable<LentInstance["sequenceEnded"]>
  private readonly options: Options
  private readonly mailbox = Mailbox.views()
  private readonly carrier: BlockCarrier
  private readonly target: RunRequest.Target
  private readonly frame = new Frame()
  /** Runs in order: those that were sent, then those that were not. */
  private runs: Array<ProcessRun> = []
  private sent = 0
  private started = 0
  private longFields: Float64Array | undefined
  /** Since when the process works on the head of `runs`. */
  private since = 0n
  private nanos = 1e9
  private succeeded = 0
  private isLost = false
  private toldVerbosity: number | undefined
  private onClosed: (() => void) | undefined

  constructor(options: Options) {
    this.options = options
    this.carrier = new BlockCarrier(options.memory)
    this.target = {
      mailbox: this.mailbox,
      carrier: this.carrier,
      sendFields: (_, fields) => {
        this.longFields = fields
      }
    }
    this.toldVerbosity = options.verbosity?.[0]
    this.memoryBytes = options.host.memoryBytes
    this.id = options.host.join(this)
  }

  get name(): string {
    return this.options.name
  }

  readonly tellEnd: NonNullable<LentInstance["sequenceEnded"]> = (id, why) =>
    this.options.host.tell(this.id, { _tag: "SequenceEnded", id, why })

  readonly placement = (): Placement => "process"

  readonly runningSince = (): bigint | undefined => this.runs.length === 0 ? undefined : this.since

  readonly accepts = (): boolean => this.runs.length === 0 || (this.runs.length < maxRuns && !this.options.host.isFull)

  readonly lostInFull = (): string => this.options.host.endedInFull

  readonly lostBy = (): LossCause => this.options.host.isSilent ? "unresponsive" : "ended"

  readonly answers = (): number => this.succeeded

  readonly quick = (): boolean => this.nanos <= RunOutcome.quickNanos

  readonly start: LentInstance["start"] = (inputs, outputs, done) => {
    if (this.isLost) {
      done(RunOutcome.lost(this.options, "it had stopped before", false))
      return nothing
    }
    const { words } = this.mailbox
    const number = Mailbox.next(this.started)
    const written = RunRequest.write(this.target, number, this.options.layout, inputs, outputs)
    if (written instanceof InvalidRequest) {
      done(Exit.fail(written))
      return nothing
    }
    this.started = number
    const place = Mailbox.placeOf(number)
    const fields = this.longFields ?? this.mailbox.places[place]!.fields
    this.longFields = undefined
    const run = new ProcessRun(number, written, done, words, this.carrier.take(), fields)
    Atomics.store(words, Word.states + place, State.ready)
    if (this.runs.length === 0) {
      this.since = this.options.now()
      this.resting()
    }
    this.runs.push(run)
    if (this.sent === 0 || this.quick()) this.sendNext()
    return run
  }

  /** Sends the first run that was not sent, withdrawn ones left out. What was sent cannot be withdrawn any more. */
  private sendNext(): void {
    while (this.sent < this.runs.length) {
      const run = this.runs[this.sent]!
      if (run.withdrawn) {
        this.runs.splice(this.sent, 1)
        continue
      }
      this.sent++
      this.send(run)
      return
    }
  }

  private send(run: ProcessRun): void {
    const { frame, options: { host } } = this
    const { block, fields, number, written } = run
    const place = this.mailbox.places[Mailbox.placeOf(number)]!
    Atomics.store(this.mailbox.words, Word.states + Mailbox.placeOf(number), State.begun)
    const { head } = frame
    head[Head.kind] = Kind.run
    head[Head.instance] = this.id
    head[Head.run] = number
    head[Head.inlineAt] = 0
    head[Head.room] = block.bytes
    head[Head.block] = block.inputBytes
    head[Head.blockAt] = (block.inputBytes > fileFrom ? host.requests.write(block.inputs) : undefined) ?? inFrame
    run.inFile = head[Head.blockAt] !== inFrame
    frame.fields = fields.subarray(0, written.count)
    frame.inline = place.inline.subarray(0, fields[Request.inlineInputs]!)
    frame.block = block.inputs
    run.sequence = host.run(frame)
  }

  readonly answered = (frame: Frame): void => {
    const run = this.runs[0]
    if (run === undefined) return
    if (run.number !== frame.head[Head.run]) throw new Error("an answer is out of order")
    if (run.inFile) this.options.host.blockTaken()
    const place = this.mailbox.places[Mailbox.placeOf(run.number)]!
    const message = this.receive(run, place, frame)
    const exit = RunOutcome.read(this.options, place, run.written, message)
    // Only now: what throws before is an answer that nobody can read, and the run is lost with its process.
    this.runs.shift()
    this.sent--
    if (this.runs.length > 0) this.since = this.options.now()
    if (Exit.isSuccess(exit)) {
      this.succeeded++
      this.nanos = RunOutcome.average(this.nanos, exit.value)
    }
    if (this.sent === 0) this.sendNext()
    run.done(exit)
  }

  /** Puts an answer where an instance in a thread would have left it. */
  private receive(
    run: ProcessRun,
    place: Mailbox.PlaceViews,
    frame: Frame
  ): Mailbox.AnswerMessage | undefined {
    const { head } = frame
    const count = head[Head.fields]!
    const fields = frame.fields.subarray(0, count)
    const fits = count <= Mailbox.fieldCapacity
    place.fields.set(fits ? fields : fields.subarray(0, Answer.entries))
    place.inline.set(frame.inline, head[Head.inlineAt])
    const buffers: Array<ArrayBuffer> = []
    if (fields[Answer.status] === Status.done && head[Head.block]! > 0) this.readBlock(run, fields, frame, buffers)
    const beside: Beside | undefined = frame.text.byteLength === 0 ? undefined : Told.decode<Beside>(frame.text)
    if (fits && buffers.length === 0 && beside === undefined) return undefined
    return { buffers, ...(fits ? {} : { fields: fields.slice() }), ...beside }
  }

  private readBlock(run: ProcessRun, fields: Float64Array, frame: Frame, buffers: Array<ArrayBuffer>): void {
    const { host } = this.options
    let bufferAt = frame.head[Head.room]!
    let at: number = Answer.entries
    for (let i = 0; i < run.written.names.length; i++) {
      const byteLength = fields[at + 3]!
      if (fields[at] === Place.asked) {
        const { bytes } = run.written.regions[i]!
        host.readBlock(frame, fields[at + 2]! - run.block.inputBytes, bytes)
      } else if (fields[at] === Place.message) {
        if (byteLength > frame.head[Head.block]!) throw new Error("an output is longer than its block")
        const { buffer } = Buffer.allocUnsafeSlow(byteLength)
        host.readBlock(frame, bufferAt, new Uint8Array(buffer))
        buffers.push(buffer)
        bufferAt += align(byteLength)
      }
      at += Answer.outputHead + fields[at + 4]!
    }
  }

  /** Comes by about once a second. */
  readonly resting = (): void => {
    const { host, verbosity } = this.options
    if (verbosity === undefined) return
    const level = Atomics.load(verbosity, 0)
    if (level === this.toldVerbosity) return
    this.toldVerbosity = level
    host.tell(this.id, { _tag: "Verbosity", level })
  }

  readonly told = (told: FromProcess): void => {
    if (told._tag === "Closed") this.onClosed?.()
    else this.options.told(told)
  }

  /** The process was ended, or ended: so is everything that was in it. */
  readonly ended = (reason: string, begun: number | undefined): void => {
    if (begun !== undefined) {
      const { words } = this.mailbox
      for (const run of this.runs) {
        if (run.sequence > begun) Atomics.store(words, Word.states + Mailbox.placeOf(run.number), State.ready)
      }
    }
    this.lose(reason)
    this.onClosed?.()
  }

  /** Ends its process, and with it every instance in there. */
  readonly abandon = (reason: string): void => {
    this.options.host.kill(reason)
  }

  private lose(reason: string): void {
    if (this.isLost) return
    this.isLost = true
    const runs = this.runs
    this.runs = []
    this.sent = 0
    Deferred.doneUnsafe(this.lost, Exit.succeed(reason))
    for (const run of runs) {
      if (run.withdrawn) continue
      const ready = run.withdraw()
      if (!ready) RunRequest.free(run.written, true)
      run.done(RunOutcome.lost(this.options, reason, !ready))
    }
  }

  /** Ends the instance after its last run; its process stays. */
  readonly close: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const { host } = this.options
    if (this.isLost || host.isEnded) return resume(Effect.void)
    this.isLost = true
    this.onClosed = () => {
      host.leave(this.id)
      resume(Effect.void)
    }
    host.tell(this.id, { _tag: "Close" })
    return undefined
  })
}
