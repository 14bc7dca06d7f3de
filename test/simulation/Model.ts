/**
 * What has to hold: a second account of the queue, kept from what can be seen from outside, which everything that the scheduler does
 * is compared with at the moment it does it.
 *
 * It is written from the rules (scheduling §3), by hand and slowly, and shares nothing with the scheduler.
 */
import { Cause, Exit, Option } from "effect"
import type { ExecutionResult, RunFailure } from "../../src/services/Executor.ts"
import type { Job, JobFailure, JobResult } from "../../src/services/Scheduler.ts"
import type { Counts } from "../../src/services/Statistics.ts"
import { marksOf } from "./Layouts.ts"
import type { Machines, Run } from "./Machines.ts"
import { PaceModel } from "./PaceModel.ts"
import { type LevelPlan, type Plan, type RequestPlan, unit } from "./Plan.ts"
import type { World } from "./World.ts"

/** What a violation is one of. */
export type Property =
  | "once"
  | "own-result"
  | "maximum"
  | "keys"
  | "order"
  | "not-expired"
  | "not-cancelled"
  | "timeout"
  | "retry"
  | "one-at-a-time"
  | "lanes"
  | "bounds"
  | "no-deadlock"
  | "leaves"
  | "gathers"
  | "ordering"
  | "prompt"
  | "statistics"
  | "released"
  | "closing"
  | "late"

export interface Violation {
  readonly property: Property
  readonly what: string
}

export interface Request {
  readonly number: number
  readonly plan: RequestPlan
  readonly job: Job
  readonly priority: number
  readonly level: LevelPlan | undefined
  readonly arrivedAt: number
  readonly timeoutAt: number
  readonly deadlineAt: number
  state: "arriving" | "waiting" | "launched" | "begun" | "refused" | "ended"
  launch: Launch | undefined
  /** It was in a run whose instance was lost, and runs by itself now. */
  alone: boolean
  /** As it was when it left the queue before; `undefined`: that was the very time of its timeout. */
  wasDelayed: boolean | undefined
  begunAt: number
  cancelledAt: number
  /** When a run that it lay ready in was last taken back. */
  withdrawnAt: number
  answers: number
  outcome: string
  /** Refused because it would be late. */
  turnedAway: boolean
  /** Others took its place before its submission had returned; so they did, or may have done. */
  madeWay: boolean
  mayHaveMadeWay: boolean
  answeredAt: number
}

/** Requests that left the queue together. */
export interface Launch {
  readonly number: number
  readonly requests: ReadonlyArray<Request>
  readonly rows: number
  run: Run | undefined
  /** The server was told of its end. */
  answeredAt: number
  /** In the order of responses: when the last of its requests had come to its end. */
  settledAt: number
  /** Requests that run again, and keep its place in the order of responses. */
  readonly again: Set<Request>
  succeeded: boolean
  released: boolean
}

export class Model {
  readonly violations: Array<Violation> = []
  readonly requests: Array<Request> = []
  readonly launches: Array<Launch> = []
  machines!: Machines
  closing = false
  closed = false
  private waiting: Array<Request> = []
  private answered: Array<Request> = []
  private arriving: Request | undefined
  private bounded = false
  private readonly pace: PaceModel
  /** An estimate said that its answer could not be there in time. */
  private judged: "late" | "in time" | "unsure" = "in time"
  /** Where requests were when they ran first, of those that run again. */
  private readonly homes = new Map<Request, Launch>()
  private readonly byJob = new Map<Job, Request>()
  private readonly world: World
  private readonly plan: Plan
  private readonly maxRows: number

  constructor(world: World, plan: Plan) {
    this.world = world
    this.plan = plan
    this.maxRows = Math.max(1, plan.maxBatchSize)
    this.pace = new PaceModel(() => world.now)
  }

  violated(property: Property, what: string): void {
    this.violations.push({ property, what: `at ${(this.world.now - 1_000_000_007) / unit}: ${what}` })
  }

  /** A request is about to be submitted. */
  arrive(plan: RequestPlan, job: Job): Request {
    const { levels, priorities } = this.plan
    const { now } = this.world
    const priority = priorities === 0 ? 0 : plan.priority >= 1 && plan.priority <= priorities ? plan.priority : 1
    const level = levels[Math.max(0, priority - 1)] ?? levels[0]
    const timeout = level === undefined || level.timeout === 0
      ? 0
      : level.override && plan.timeout > 0
      ? Math.min(plan.timeout, level.timeout)
      : level.timeout
    const request: Request = {
      number: this.requests.length,
      plan,
      job,
      priority,
      level,
      arrivedAt: now,
      timeoutAt: timeout === 0 ? Infinity : now + timeout * unit,
      deadlineAt: plan.deadline === 0 ? Infinity : now + plan.deadline * unit,
      state: "arriving",
      launch: undefined,
      alone: false,
      wasDelayed: false,
      begunAt: Infinity,
      cancelledAt: Infinity,
      withdrawnAt: -Infinity,
      answers: 0,
      outcome: "",
      turnedAway: false,
      madeWay: false,
      mayHaveMadeWay: false,
      answeredAt: Infinity
    }
    this.requests.push(request)
    this.byJob.set(job, request)
    this.arriving = request
    if (!this.closing) {
      if (plan.deadline > 0) this.pace.watch()
      if (this.waiting.length === 0) this.pace.note({ kind: "empty" })
    }
    if (!this.closing && this.plan.kind === "direct" && !this.plan.polls) this.enter()
    return request
  }

  /** The scheduler takes it, unless it is told otherwise. */
  enter(): void {
    const request = this.arriving
    if (request === undefined || request.state !== "arriving") return
    this.bounded = this.atBound(request)
    this.judged = this.judge(request)
    request.state = "waiting"
    this.waiting.push(request)
  }

  /** After its submission. */
  arrived(request: Request): void {
    this.arriving = undefined
    if (request.outcome === "QueueFull" && request.turnedAway) {
      if (this.judge(request) === "in time") {
        this.violated("late", `request ${request.number} was turned away although it could be in time`)
      }
    } else if (request.outcome === "QueueFull") {
      if (!this.atBound(request)) this.violated("bounds", `request ${request.number} was refused below the bound`)
    } else if (request.madeWay && request.outcome !== "DeadlineExceeded") {
      this.violated("late", `request ${request.number} waits although another has left before it`)
    } else if (request.outcome === "Stopping") {
      if (!this.closing) this.violated("closing", `request ${request.number} was refused before the queue was closed`)
    } else {
      if (this.bounded) this.violated("bounds", `request ${request.number} was accepted beyond the bound`)
      if (this.closing) this.violated("closing", `request ${request.number} was accepted although the queue is closed`)
      if (this.judged === "late") this.violated("late", `request ${request.number} was taken although it will be late`)
    }
  }

  /** Requests in runs that lie ready, as far as the server knows. */
  private get readyRequests(): ReadonlyArray<Request> {
    const found: Array<Request> = []
    for (const { runs } of this.machines.all) {
      for (let i = 1; i < runs.length; i++) {
        for (const mark of new Set(marksOf(runs[i]!.inputs[0]!))) found.push(this.requests[mark - 1]!)
      }
    }
    return found
  }

  private get ready(): number {
    return this.readyRequests.length
  }

  private atBound(request: Request): boolean {
    const { level, priority } = request
    const own = level?.maxQueueSize ?? 0
    if (own > 0) {
      const isOfLevel = (other: Request) => other.priority === priority
      if (this.waiting.filter(isOfLevel).length + this.readyRequests.filter(isOfLevel).length >= own) return true
    }
    if (this.waiting.length === 0 && this.machines.idle > 0) return false
    return this.waiting.length + this.ready >= this.plan.maxQueueSize
  }

  /** What is known of the pace says that its answer cannot be there in time; it does not wait yet. */
  private judge(request: Request): Model["judged"] {
    const others = this.waiting.filter((other) => other !== request)
    if (request.deadlineAt === Infinity || others.length === 0 || this.machines.idle > 0) return "in time"
    const rows = others.reduce((sum, { plan }) => sum + plan.rows, 0)
    if (this.plan.kind === "dynamic" && rows + request.plan.rows <= this.maxRows) return "in time"
    const first = others.filter((other) =>
      other.priority < request.priority || (other.priority === request.priority && !this.isDelayed(other))
    )
    const before = first.length + this.ready
    const left = request.deadlineAt - this.world.now
    // Whether they stand before it or behind is not sure while their timeouts are being dealt with.
    if (others.some(({ level, timeoutAt }) => level?.delays === true && this.isTime(timeoutAt))) return "unsure"
    const answers = before === 0 ? [0] : this.pace.answers(before)
    return Math.min(...answers) > left * (1 + 1e-9)
      ? "late"
      : Math.max(...answers) > left * (1 - 1e-9)
      ? "unsure"
      : "in time"
  }

  private isDelayed(request: Request): boolean {
    if (request.alone) return request.wasDelayed === true
    return request.level?.delays === true && request.timeoutAt <= this.world.now
  }

  /** When its queue policy ends its waiting: never once it has run. */
  private timeoutOf(request: Request): number {
    return request.alone || request.level?.delays === true ? Infinity : request.timeoutAt
  }

  /** Those waiting in the order of service. */
  private inOrder(): Array<Request> {
    return this.waiting.toSorted((a, b) =>
      a.priority - b.priority ||
      Number(this.isDelayed(a)) - Number(this.isDelayed(b)) ||
      (this.isDelayed(a) ? a.timeoutAt - b.timeoutAt : 0) ||
      a.number - b.number
    )
  }

  /** Requests that are to leave now; 0: more are waited for. Within a microsecond of the delay both are right: `undefined`. */
  private decide(queue: ReadonlyArray<Request>, late: number): number | undefined {
    const { delay, kind, preferred } = this.plan
    if (kind === "direct") return 1
    if (queue[0]!.alone) return 1
    const { maxRows } = this
    const limit = delay * unit
    const largest = preferred.length === 0 ? maxRows : Math.max(...preferred)
    let count = 0
    let rows = 0
    let oldest = Infinity
    let reached = 0
    let below = 1
    while (count < queue.length) {
      const next = queue[count]!
      if (count > 0 && (next.alone || rows + next.plan.rows > maxRows || next.plan.width !== queue[0]!.plan.width)) {
        break
      }
      count++
      rows += next.plan.rows
      oldest = Math.min(oldest, next.arrivedAt)
      if (preferred.includes(rows) || preferred.length === 0 && rows === maxRows) reached = count
      if (rows <= largest) below = count
    }
    const age = this.world.now - oldest
    if (limit > 0 && age >= limit) return age >= limit + late ? count : undefined
    if (reached === 0 && limit > 0 && age >= limit - 1000) return undefined
    if (reached > 0) return reached
    if (rows > largest) return below
    if (count < queue.length || rows === largest || this.closing) return count
    return limit === 0 ? this.shareOf(queue, rows) : 0
  }

  /** Requests of one instance's share, where idle instances divide these rows. */
  private shareOf(queue: ReadonlyArray<Request>, rows: number): number {
    const share = this.plan.quick ? rows : rows / Math.max(1, this.machines.idle)
    let taken = queue[0]!.plan.rows
    let count = 1
    while (count < queue.length && taken + queue[count]!.plan.rows <= Math.ceil(share)) {
      taken += queue[count++]!.plan.rows
    }
    return count
  }

  private closedHead(queue: ReadonlyArray<Request>): boolean {
    let rows = 0
    if (queue[0]?.alone === true) return true
    for (let i = 0; i < queue.length; i++) {
      const { alone, plan } = queue[i]!
      if (i > 0 && (alone || rows + plan.rows > this.maxRows || plan.width !== queue[0]!.plan.width)) return true
      rows += plan.rows
      if (rows >= this.maxRows) return true
    }
    return false
  }

  private undecided(): boolean {
    return this.waiting.some(({ alone, level, timeoutAt, wasDelayed }) =>
      alone ? wasDelayed === undefined : level?.delays === true && timeoutAt === this.world.now
    )
  }

  /** Requests leave the queue. */
  launched(jobs: ReadonlyArray<Job>): Launch {
    const { now } = this.world
    const requests = jobs.map((job) => this.byJob.get(job)!)
    const names = requests.map(({ number }) => number).join()
    const rows = requests.reduce((sum, request) => sum + request.plan.rows, 0)
    // A run of one request that moves from one instance to another looks like a launch, and keeps its place before the queue.
    const moves = this.plan.kind === "direct" && requests[0]!.withdrawnAt === this.world.now
    if (rows > this.maxRows) this.violated("maximum", `a batch of ${rows} rows left where ${this.maxRows} are the most`)
    if (requests.some(({ plan }) => plan.width !== requests[0]!.plan.width)) {
      this.violated("keys", `requests ${names} of different shapes left together`)
    }
    const { arriving } = this
    if (arriving !== undefined && !requests.includes(arriving) && this.makesWay(arriving, arriving.state)) {
      arriving.madeWay = this.inOrder().indexOf(arriving) < requests.length
      arriving.mayHaveMadeWay = true
      if (arriving.madeWay) this.waiting = this.waiting.filter((request) => request !== arriving)
    }
    if (!moves) this.noLateLeaves(requests)
    for (const request of requests) {
      if (request.state !== "waiting") {
        this.violated("once", `request ${request.number} left the queue while it was ${request.state}`)
      }
      if (!moves && Math.min(request.deadlineAt, this.timeoutOf(request)) < this.world.now) {
        this.violated("not-expired", `request ${request.number} left the queue after its time`)
      }
    }
    // At the very time of a timeout it may have been dealt with or not.
    if (!moves && !this.undecided()) {
      const queue = this.inOrder()
      if (requests.some((request, i) => request !== queue[i])) {
        this.violated("order", `requests ${names} left, next were ${queue.map(({ number }) => number).join()}`)
      } else {
        const right = this.decide(queue, 0)
        if (right === 0) this.violated("gathers", `requests ${names} left although the batch was to gather`)
        else if (right !== undefined && right !== requests.length) {
          this.violated("gathers", `requests ${names} left, where ${right} of them were to leave`)
        }
        if (this.plan.kind === "dynamic" && this.machines.idle === 0 && !this.closedHead(queue)) {
          this.violated("gathers", `requests ${names} left for a busy instance although others could join them`)
        }
      }
    }
    const launch: Launch = {
      number: this.launches.length,
      requests,
      rows,
      run: undefined,
      answeredAt: Infinity,
      settledAt: Infinity,
      again: new Set(),
      succeeded: false,
      released: false
    }
    this.launches.push(launch)
    for (const request of requests) {
      if (!request.alone) {
        const unsure = request.level?.delays === true && this.isTime(request.timeoutAt)
        request.wasDelayed = unsure ? undefined : this.isDelayed(request)
      } else if (requests.length > 1) this.violated("retry", `requests ${names} left together after a loss`)
      request.state = "launched"
      request.launch = launch
    }
    this.waiting = this.waiting.filter((request) => request.state === "waiting")
    if (!moves) this.pace.note({ kind: "left", at: now, requests: requests.length, others: this.waiting.length > 0 })
    return launch
  }

  /** Who is too late takes nobody's place. */
  private noLateLeaves(requests: ReadonlyArray<Request>): void {
    const rows = this.waiting.reduce((sum, { plan }) => sum + plan.rows, 0)
    const direct = this.plan.kind === "direct"
    const spare = direct ? this.waiting.length - 1 : rows - this.maxRows
    const soonest = this.world.now + Math.min(...this.pace.longRuns())
    for (const { deadlineAt, number, plan } of requests) {
      if (deadlineAt < soonest * (1 - 1e-12) && (direct ? 1 : plan.rows) <= spare) {
        this.violated("late", `request ${number} was run although it will be late and others wait`)
      }
    }
  }

  /** Requests that have not begun come back. */
  private putBack(launch: Launch): void {
    for (const request of launch.requests) {
      request.launch = undefined
      if (request.state !== "launched") continue
      if (request.cancelledAt < Infinity) request.state = "ended"
      else {
        request.state = "waiting"
        this.waiting.push(request)
      }
    }
  }

  /** What was gathered for a batch is freed. */
  released(launch: Launch): void {
    if (launch.released) return this.violated("released", `batch ${launch.number} was released twice`)
    launch.released = true
    if (launch.answeredAt === Infinity) {
      if (launch.run !== undefined && launch.run.state === "running") {
        this.violated("released", `batch ${launch.number} was released while it ran`)
      }
      this.putBack(launch)
    }
  }

  private requestsOf(run: Run): ReadonlyArray<Request> {
    const found = new Set<Request>()
    for (const mark of marksOf(run.inputs[0]!)) {
      const request = this.requests[mark - 1]
      if (request === undefined) this.violated("own-result", "a row belongs to nobody")
      else found.add(request)
    }
    return [...found]
  }

  started(run: Run): void {
    const requests = this.requestsOf(run)
    // Without a layout the start of a run is all that can be seen of a launch.
    if (this.plan.kind === "direct") this.launched(requests.map(({ job }) => job)).run = run
    else if (requests[0]?.launch !== undefined) requests[0].launch.run = run
  }

  withdrawn(run: Run): void {
    if (this.plan.kind !== "direct") return
    const request = this.requestsOf(run)[0]!
    request.withdrawnAt = this.world.now
    this.released(request.launch!)
  }

  begun(run: Run): void {
    const { now } = this.world
    const marks = marksOf(run.inputs[0]!)
    if (marks.length > this.maxRows) this.violated("maximum", `${marks.length} rows began to run`)
    for (const request of this.requestsOf(run)) {
      const { number } = request
      if (request.state !== "launched") {
        this.violated(
          request.cancelledAt < Infinity ? "not-cancelled" : "once",
          `request ${number} began to run while it was ${request.state}`
        )
      }
      if (request.cancelledAt < Infinity) {
        this.violated("not-cancelled", `request ${number} began after it was cancelled`)
      }
      // What lies ready begins by itself: as long as the timer is late nobody stops it.
      const due = now - this.world.late
      if (Math.min(request.deadlineAt, this.timeoutOf(request)) < due) {
        this.violated("not-expired", `request ${number} began after its time`)
      }
      request.state = "begun"
      request.begunAt = now
    }
  }

  answeredRun(run: Run, exit: Exit.Exit<ExecutionResult, RunFailure>): void {
    const launch = this.requestsOf(run)[0]?.launch
    if (launch === undefined) return
    const failure = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
    if (failure?._tag === "InstanceLost" && !failure.begun) {
      if (this.plan.kind === "direct") this.released(launch)
      return
    }
    launch.answeredAt = this.world.now
    launch.succeeded = Exit.isSuccess(exit)
    if (failure?._tag === "InstanceLost") this.runAgain(launch)
    for (const request of launch.requests) if (request.alone && request.launch === launch) this.settled(request)
    if (launch.again.size === 0) launch.settledAt = this.world.now
  }

  /** The requests of a run that was lost wait again, but for those that nobody waits for, and those to which it happens again. */
  private runAgain(launch: Launch): void {
    for (const request of launch.requests) {
      if (request.alone || request.cancelledAt < Infinity || request.deadlineAt <= this.world.now) continue
      request.alone = true
      request.launch = undefined
      request.begunAt = Infinity
      request.state = "waiting"
      this.waiting.push(request)
      launch.again.add(request)
      this.homes.set(request, launch)
    }
  }

  /** A request that runs again has come to its end, or runs no more. */
  private settled(request: Request): void {
    const home = this.homes.get(request)
    if (home?.again.delete(request) === true && home.again.size === 0) home.settledAt = this.world.now
  }

  /** The scheduler has counted a run that took so long, in nanoseconds. */
  executed(nanos: number): void {
    this.pace.note({ kind: "ran", at: this.world.now, nanos })
  }

  cancelled(request: Request): void {
    request.cancelledAt = this.world.now
    if (request.state !== "begun") this.settled(request)
    this.waiting = this.waiting.filter((other) => other !== request)
  }

  /** As far as timers are not late. */
  private isTime(at: number): boolean {
    return at <= this.world.now && this.world.now <= at + this.world.late
  }

  /** A caller has its answer. */
  answer(request: Request, exit: Exit.Exit<JobResult, JobFailure>): void {
    const { now } = this.world
    const { launch, number } = request
    const before = request.state
    request.answers++
    request.answeredAt = now
    request.outcome = Exit.isSuccess(exit) ? "Success" : Option.match(Cause.findErrorOption(exit.cause), {
      onNone: () => Cause.hasInterruptsOnly(exit.cause) ? "Interrupt" : `Defect ${Cause.pretty(exit.cause)}`,
      onSome: (failure) => failure._tag
    })
    const wrong = (property: Property, what: string) =>
      this.violated(property, `request ${number}, which was ${before}, was answered ${request.outcome}: ${what}`)
    if (request.answers > 1) wrong("once", "a second time")
    request.state = "ended"
    this.waiting = this.waiting.filter((other) => other !== request)
    switch (request.outcome) {
      case "QueueFull":
      case "Stopping":
        request.turnedAway = Exit.isFailure(exit) && String(exit.cause).includes("would pass while it waits")
        if (before !== "arriving" && before !== "waiting") wrong("once", "it had left the queue")
        request.state = "refused"
        return
      case "RequestTimedOut":
        if (before === "begun") wrong("once", "it has begun")
        if (!this.isTime(this.timeoutOf(request))) wrong("timeout", "not its time")
        return
      case "DeadlineExceeded":
        if (before === "begun") wrong("once", "it has begun")
        if (!this.isTime(request.deadlineAt) && !request.mayHaveMadeWay && !this.makesWay(request, before)) {
          wrong("timeout", "not its time")
        }
        this.settled(request)
        return
      case "Interrupt":
        if (request.cancelledAt === Infinity) wrong("once", "nobody cancelled it")
        if (before !== "begun" && now !== request.cancelledAt) wrong("prompt", "it was to be let go at once")
        return
      case "Success": {
        const result = (exit as Exit.Success<JobResult>).value
        const output = result.outputs[0]
        const marks = output === undefined ? [] : marksOf(output)
        if (
          marks.length !== request.plan.rows || marks.some((mark) => mark !== number + 1) ||
          output!.shape[1] !== request.plan.width
        ) wrong("own-result", `it got rows of ${marks.map((mark) => mark - 1)}`)
        if (before !== "begun" || launch === undefined || !launch.succeeded) {
          wrong("once", "it has not run")
        } else if (result.batchRows !== launch.rows || result.queueNanos !== request.begunAt - request.arrivedAt) {
          wrong("statistics", `batch of ${result.batchRows}, ${result.queueNanos} ns in the queue`)
        }
        result.release()
        break
      }
      case "ExecutionFailed":
      case "InstanceLost":
        if (request.outcome === "InstanceLost" && !request.alone && request.deadlineAt > launch!.answeredAt) {
          wrong("retry", "it was not tried again")
        }
        if (before !== "begun" || launch === undefined || launch.succeeded) wrong("once", "its run has not failed")
        break
      default:
        return wrong("once", "unexpected")
    }
    this.answered.push(request)
    if (launch === undefined) return
    const home = this.homes.get(request) ?? launch
    // A run of a request that runs again has no place of its own.
    const isFirst = (other: Launch) => other.requests.some((one) => (this.homes.get(one) ?? other) === other)
    const last = this.launches.slice(0, home.number + 1).filter(isFirst)
    const due = this.plan.preserveOrdering
      ? last.reduce((at, { settledAt }) => Math.max(at, settledAt), 0)
      : launch.answeredAt
    if (now !== due) wrong(this.plan.preserveOrdering ? "ordering" : "prompt", `due at ${due}`)
  }

  /** Its place goes to others, who make up a whole batch. */
  private makesWay(request: Request, before: Request["state"]): boolean {
    const others = this.waiting.filter((other) => other !== request)
    const rows = others.reduce((sum, { plan }) => sum + plan.rows, 0)
    const enough = this.plan.kind === "direct" ? others.length > 0 : rows >= this.maxRows
    const soonest = this.world.now + Math.max(...this.pace.longRuns()) +
      (this.machines.idle > 0 ? 0 : Math.max(...this.pace.meanRuns()))
    return before === "waiting" && enough && request.deadlineAt < soonest * (1 + 1e-12)
  }

  /** Everything of this time has happened. */
  rest(counts: Counts): void {
    const { now } = this.world
    for (const request of this.requests) {
      if (request.state !== "waiting" && request.state !== "launched") continue
      const due = now - this.world.late
      const expired = Math.min(request.deadlineAt, this.timeoutOf(request)) <= due
      if (expired) this.violated("timeout", `request ${request.number} was not answered at its time`)
    }
    // A request that a late timer has not yet put behind the others stands where it is not to be.
    const unsure = this.waiting.some(({ alone, level, timeoutAt, wasDelayed }) =>
      alone ? wasDelayed === undefined : level?.delays === true && this.isTime(timeoutAt)
    )
    if (this.waiting.length > 0 && this.machines.idle > 0 && (this.world.late === 0 || !unsure)) {
      const queue = this.inOrder()
      const due = this.decide(queue, this.world.late)
      if (due !== undefined && due > 0) {
        this.violated("leaves", `request ${queue[0]!.number} waits although it is to run and an instance is idle`)
      }
    }
    if (this.plan.kind === "dynamic" && !this.plan.preserveOrdering && this.machines.idle === 0 && !unsure) {
      const couldLie = this.machines.all.some(({ lent, runs, up }) =>
        up && lent && runs.length === 1 && this.plan.places > 1
      )
      if (couldLie && this.closedHead(this.inOrder())) {
        this.violated("leaves", "a batch is complete and waits although it could lie ready")
      }
    }
    if (this.machines.idle > 0 && this.machines.all.some(({ runs }) => runs.some(({ state }) => state === "ready"))) {
      this.violated("leaves", "a run lies ready although an instance is idle")
    }
    if (counts.pending !== this.waiting.length + this.ready || counts.executing !== this.machines.running) {
      this.violated(
        "statistics",
        `pending ${counts.pending} is not ${this.waiting.length} + ${this.ready}, or executing ${counts.executing} is ` +
          `not ${this.machines.running}`
      )
    }
  }

  /** The queue has closed. */
  hasClosed(): void {
    this.closed = true
    const left = this.requests.filter(({ answers, cancelledAt }) => answers === 0 && cancelledAt === Infinity)
    if (left.length > 0) this.violated("closing", `the queue closed before ${left.length} requests were answered`)
  }

  /** Nothing is left to happen. */
  end(counts: Counts): void {
    if (this.world.runaway) this.violated("no-deadlock", "the schedule does not come to rest")
    const unanswered = this.requests.filter(({ answers }) => answers === 0).map(({ number }) => number)
    if (unanswered.length > 0) this.violated("no-deadlock", `requests ${unanswered} were never answered`)
    if (!this.closed) this.violated("no-deadlock", "the queue never closed")
    if (this.violations.length > 0) return
    if (this.plan.preserveOrdering) {
      const numbers = this.answered.map(({ number }) => number)
      if (numbers.some((number, i) => i > 0 && number < numbers[i - 1]!)) {
        this.violated("ordering", `answers came in the order ${numbers}`)
      }
    }
    const { unreleased } = this.machines
    if (unreleased > 0) this.violated("released", `${unreleased} results and batches were not released`)
    for (const launch of this.launches) {
      if (this.plan.kind === "dynamic" && !launch.released) {
        this.violated("released", `batch ${launch.number} was not released`)
      }
    }
    if (this.machines.all.some(({ lent, up }) => lent && up)) {
      this.violated("released", "an instance was not given back")
    }
    this.compare(counts)
  }

  private compare(counts: Counts): void {
    const countOf = (outcome: string) => this.requests.filter((request) => request.outcome === outcome).length
    const ran = this.launches.filter(({ answeredAt }) => answeredAt < Infinity)
    const succeeded = ran.filter((launch) => launch.succeeded)
    const failed = ran.filter((launch) => !launch.succeeded)
    const within = (launch: Launch) => launch.requests.filter((request) => request.launch === launch)
    const inside = (launches: ReadonlyArray<Launch>) => launches.flatMap(within)
    const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((all, one) => all + one, 0)
    const timedOut = countOf("RequestTimedOut") + countOf("DeadlineExceeded")
    const unrun = this.requests.filter(({ begunAt, outcome }) =>
      begunAt === Infinity && outcome !== "QueueFull" && outcome !== "Stopping"
    )
    const sizes = new Map<number, number>()
    for (const { rows } of succeeded) sizes.set(rows, (sizes.get(rows) ?? 0) + 1)
    const expected = {
      inferenceCount: sum(succeeded.map(({ rows }) => rows)),
      executionCount: succeeded.length,
      success: inside(succeeded).length,
      successNanos: sum(
        succeeded.flatMap((launch) => launch.requests.map(({ arrivedAt }) => launch.answeredAt - arrivedAt))
      ),
      queue: inside(succeeded).length,
      queueNanos: sum(inside(succeeded).map(({ arrivedAt, begunAt }) => begunAt - arrivedAt)),
      fail: inside(failed).length + unrun.length,
      failNanos: sum(
        failed.flatMap((launch) => within(launch).map(({ arrivedAt }) => launch.answeredAt - arrivedAt))
      ) + sum(unrun.map(({ answeredAt, arrivedAt }) => answeredAt - arrivedAt)),
      failures: {
        REJECTED: timedOut,
        CANCELED: unrun.filter(({ outcome }) => outcome === "Interrupt").length,
        BACKEND: inside(failed).length,
        OTHER: 0
      },
      refusals: {
        queue_full: this.requests.filter(({ outcome, turnedAway }) => outcome === "QueueFull" && !turnedAway).length,
        deadline: this.requests.filter(({ turnedAway }) => turnedAway).length,
        stopping: countOf("Stopping"),
        suspended: 0,
        invalid: 0
      },
      batches: [...sizes].toSorted(([a], [b]) => a - b),
      pending: 0,
      executing: 0
    }
    const found: typeof expected = {
      inferenceCount: counts.inferenceCount,
      executionCount: counts.executionCount,
      success: counts.success.count,
      successNanos: Number(counts.success.nanos),
      queue: counts.queue.count,
      queueNanos: Number(counts.queue.nanos),
      fail: counts.fail.count,
      failNanos: Number(counts.fail.nanos),
      failures: { ...counts.failures },
      refusals: { ...counts.refusals },
      batches: counts.batches.map(({ batchSize, count }) => [batchSize, count]),
      pending: counts.pending,
      executing: counts.executing
    }
    const one = JSON.stringify(expected)
    const other = JSON.stringify(found)
    if (one !== other) this.violated("statistics", `counted ${other}, happened ${one}`)
  }
}
