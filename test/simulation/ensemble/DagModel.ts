/**
 * The rules of ensembles, written down a second time: what each request is due at every moment, by what has happened to its steps.
 * Nothing here comes from `src`.
 */
import * as Graph from "./DagGraph.ts"
import type { RequestPlan } from "./DagPlan.ts"

/** What a violation breaks. */
export type Property =
  | "steps"
  | "values"
  | "once"
  | "outcome"
  | "released"
  | "in-flight"
  | "in-turn"
  | "statistics"
  | "closing"
  | "rest"

export interface Violation {
  readonly property: Property
  readonly what: string
}

/** A request to a step, as its model sees it. */
export interface Ask {
  readonly request: number
  readonly step: number
  readonly inputs: ReadonlyArray<ReadonlyArray<number> | undefined>
  state: "running" | "ending" | "answered" | "failed" | "interrupted"
  released: number
}

/** A request to the ensemble, as its caller sees it. */
export interface Call {
  readonly plan: RequestPlan
  readonly wanted: ReadonlyArray<string>
  readonly asks: Array<Ask>
  /** The step whose failure ends it. */
  failedAt: number | undefined
  cancelled: boolean
  answer: "success" | "failure" | "refused" | undefined
  /** The caller has given the answer back. */
  returned: boolean
}

type Marks = ReadonlyArray<number>

/** What a tensor is: marks, a decision, or not there because its step was skipped. */
type Value = Marks | boolean | "skipped"

/** What is known of one call by what was answered so far. */
export class Account {
  private readonly values = new Map<string, Value | undefined>()
  private readonly needs = new Map<number, boolean>()
  private readonly graph: Graph.Graph
  private readonly call: Call

  constructor(graph: Graph.Graph, call: Call) {
    this.graph = graph
    this.call = call
  }

  /** Some output that was asked for is made of what the step writes. */
  needed(step: Graph.GraphStep): boolean {
    let known = this.needs.get(step.index)
    if (known === undefined) {
      const written = writesOf(step)
      known = written.some((name) => this.call.wanted.includes(name)) ||
        this.graph.steps.some((other) => readsOf(other).some((name) => written.includes(name)) && this.needed(other))
      this.needs.set(step.index, known)
    }
    return known
  }

  /** `undefined`: not settled. */
  value(name: string): Value | undefined {
    if (!this.values.has(name)) this.values.set(name, this.compute(name))
    return this.values.get(name)
  }

  private compute(name: string): Value | undefined {
    const { plan } = this.call
    if (name === Graph.flag) return plan.flag
    const input = this.graph.inputs.indexOf(name)
    if (input !== -1) return inputMarks(plan, input)
    const step = this.graph.steps.find((each) => writesOf(each).includes(name))!
    const fate = this.fate(step)
    if (fate === "waits") return undefined
    if (fate === "skipped") return "skipped"
    if (this.answers(step) < fate.length) return undefined
    if (name === step.decision) return Graph.decisionOf(step.index, fate[0]!)
    const output = step.writes.indexOf(name)
    return step.divides
      ? fate.flatMap((inputs) => Graph.partOf(step.index, output, inputs))
      : Graph.wholeOf(step.index, output, fate[0]!)
  }

  /** The inputs of each request that a step is due, once it is clear that it runs. */
  fate(step: Graph.GraphStep): "waits" | "skipped" | ReadonlyArray<ReadonlyArray<Marks | undefined>> {
    const read = readsOf(step).map((name) => this.value(name))
    if (read.includes(undefined)) return "waits"
    const { condition } = step
    if (condition !== undefined) {
      const decision = this.value(condition.tensor)
      if (decision === "skipped" || decision === condition.negated) return "skipped"
    }
    const inputs = step.reads.map((name) => this.value(name) as Marks | "skipped")
    if (inputs.some((value, place) => value === "skipped" && step.optional[place] !== true)) return "skipped"
    const whole = inputs.map((value) => value === "skipped" ? undefined : value)
    return step.divides ? whole[0]!.map((mark) => [[mark], ...whole.slice(1)]) : [whole]
  }

  /** Nothing is to come of the step any more. */
  over(step: Graph.GraphStep): boolean {
    const fate = this.fate(step)
    return fate === "skipped" || (fate !== "waits" && this.answers(step) >= fate.length)
  }

  private answers(step: Graph.GraphStep): number {
    return this.call.asks.filter((ask) => ask.step === step.index && ask.state === "answered").length
  }
}

export const inputMarks = ({ mark }: RequestPlan, input: number): Marks =>
  Array.from({ length: (mark + input) % 3 + (input === 0 ? 1 : 0) }, (_, index) => mark * 8 + input * 4 + index)

const readsOf = ({ condition, reads }: Graph.GraphStep): ReadonlyArray<string> =>
  condition === undefined ? reads : [...reads, condition.tensor]

const writesOf = ({ decision, writes }: Graph.GraphStep): ReadonlyArray<string> =>
  decision === undefined ? writes : [...writes, decision]

const key = (inputs: ReadonlyArray<Marks | undefined>): string => JSON.stringify(inputs.map((input) => input ?? null))

/** What the rules say at a moment of rest. */
export class DagModel {
  readonly violations: Array<Violation> = []
  private readonly graph: Graph.Graph
  private readonly maxInflight: number
  /** When each request to a step became due, by call, step and place. */
  private readonly dueSince = new Map<string, number>()
  private moment = 0

  constructor(graph: Graph.Graph, maxInflight: number) {
    this.graph = graph
    this.maxInflight = maxInflight
  }

  private break(property: Property, what: string): void {
    this.violations.push({ property, what })
  }

  /** Looks at everything. */
  look(calls: ReadonlyArray<Call>): void {
    this.moment++
    const waiting = new Map<number, Array<number>>()
    calls.forEach((call, number) => this.lookAt(call, number, waiting))
    if (this.maxInflight > 0) this.lookInFlight(calls, waiting)
  }

  private lookAt(call: Call, number: number, waiting: Map<number, Array<number>>): void {
    if (call.answer === "refused") return
    const account = new Account(this.graph, call)
    const isLive = call.answer === undefined && call.failedAt === undefined && !call.cancelled
    for (const step of this.graph.steps) {
      const asks = call.asks.filter((ask) => ask.step === step.index)
      const fate = account.needed(step) ? account.fate(step) : "skipped"
      const due = typeof fate === "string" ? [] : fate
      this.lookAtStep(call, number, step, asks, due, isLive, waiting)
      this.lookAtMemory(call, number, step, asks, account)
    }
    const isOver = call.wanted.every((name) => account.value(name) !== undefined)
    const isQuiet = call.asks.every(({ state }) => state !== "running" && state !== "ending")
    if (isLive && isOver) this.break("once", `call ${number} has all it needs and no answer`)
    if (!isLive && call.answer === undefined && isQuiet) this.break("once", `call ${number} is over and has no answer`)
    if (call.answer !== undefined && !isQuiet) this.break("once", `call ${number} was answered while steps ran`)
    if (call.answer === "success" && !isOver) {
      this.break("outcome", `call ${number} was answered without what it asked for`)
    }
  }

  private lookAtStep(
    call: Call,
    number: number,
    step: Graph.GraphStep,
    asks: ReadonlyArray<Ask>,
    due: ReadonlyArray<ReadonlyArray<Marks | undefined>>,
    isLive: boolean,
    waiting: Map<number, Array<number>>
  ): void {
    const name = `step ${step.index} of call ${number}`
    if (asks.length > due.length) this.break("steps", `${name} was asked ${asks.length} times, due ${due.length}`)
    const left = due.map(key)
    for (const { inputs } of asks) {
      const place = left.indexOf(key(inputs))
      if (place === -1) this.break("values", `${name} got ${key(inputs)}, due ${JSON.stringify(left)}`)
      else left.splice(place, 1)
    }
    if (!isLive) {
      if (asks.some(({ state }) => state === "running")) this.break("steps", `${name} runs after the end of its call`)
      return
    }
    due.forEach((_, place) => {
      const id = `${number}/${step.index}/${place}`
      if (!this.dueSince.has(id)) this.dueSince.set(id, this.moment)
    })
    if (asks.length === due.length) return
    if (this.maxInflight === 0) this.break("steps", `${name} was asked ${asks.length} times, due ${due.length}`)
    const since = waiting.get(step.index) ?? []
    for (let place = asks.length; place < due.length; place++) {
      since.push(this.dueSince.get(`${number}/${step.index}/${place}`)!)
    }
    waiting.set(step.index, since)
  }

  /** What was answered is given back when nobody reads it any more, and not before. */
  private lookAtMemory(
    call: Call,
    number: number,
    step: Graph.GraphStep,
    asks: ReadonlyArray<Ask>,
    account: Account
  ): void {
    const written = writesOf(step)
    const isBacking = !step.divides && written.some((name) => call.wanted.includes(name))
    const readers = this.graph.steps.filter((each) =>
      account.needed(each) && readsOf(each).some((name) => written.includes(name))
    )
    const isRead = step.divides ? account.over(step) : readers.every((reader) => account.over(reader))
    const isDue = call.answer === "success"
      ? !isBacking || call.returned
      : call.answer === "failure" || (!isBacking && isRead)
    for (const ask of asks) {
      if (ask.released > 1) {
        this.break("released", `step ${step.index} of call ${number} was released ${ask.released} times`)
      }
      if (ask.state !== "answered") {
        if (ask.released > 0) {
          this.break("released", `step ${step.index} of call ${number} was released without an answer`)
        }
        continue
      }
      // A call that has failed and is not answered yet may hold what it likes, and must hold what is being read.
      if (call.answer === undefined && (call.failedAt !== undefined || call.cancelled)) {
        const isBeingRead = !step.divides &&
          call.asks.some((other) =>
            other.state === "ending" && readsOf(this.graph.steps[other.step]!).some((name) => written.includes(name))
          )
        if (isBeingRead && ask.released > 0) {
          this.break("released", `step ${step.index} of call ${number} was released while it is read`)
        }
        continue
      }
      if ((ask.released === 1) !== isDue) {
        this.break("released", `step ${step.index} of call ${number}: released ${ask.released}, due ${isDue ? 1 : 0}`)
      }
    }
  }

  private lookInFlight(calls: ReadonlyArray<Call>, waiting: ReadonlyMap<number, ReadonlyArray<number>>): void {
    for (const { index } of this.graph.steps) {
      const running = calls.flatMap(({ asks }) =>
        asks
      ).filter(({ state, step }) => step === index && (state === "running" || state === "ending")).length
      if (running > this.maxInflight) {
        this.break("in-flight", `step ${index} runs ${running} times`)
      }
      if (running < this.maxInflight && waiting.has(index)) {
        this.break("in-flight", `step ${index} waits for nobody`)
      }
    }
  }

  /** A request to a step begins: nobody may have waited for it longer. */
  asked(calls: ReadonlyArray<Call>, request: number, step: number): void {
    if (this.maxInflight === 0) return
    const place = calls[request]!.asks.filter((ask) => ask.step === step).length
    const mine = this.dueSince.get(`${request}/${step}/${place}`) ?? Infinity
    for (const [number, call] of calls.entries()) {
      if (number === request || call.answer !== undefined || call.failedAt !== undefined || call.cancelled) continue
      const next = call.asks.filter((ask) => ask.step === step).length
      const other = this.dueSince.get(`${number}/${step}/${next}`)
      if (other !== undefined && other < mine) {
        this.break("in-turn", `step ${step} of call ${request} began before that of call ${number}`)
      }
    }
  }

  /** The answer to a call. */
  answered(call: Call, number: number, outputs: ReadonlyMap<string, Marks | boolean>): void {
    const account = new Account(this.graph, call)
    for (const name of call.wanted) {
      const due = account.value(name)
      const got = outputs.get(name)
      const expected = due === "skipped" ? undefined : due
      if (JSON.stringify(got) !== JSON.stringify(expected)) {
        this.break("values", `output ${name} of call ${number} is ${JSON.stringify(got)}, due ${JSON.stringify(due)}`)
      }
    }
    if ([...outputs.keys()].some((name) => !call.wanted.includes(name))) {
      this.break("values", `call ${number} got outputs that it did not ask for`)
    }
  }
}
