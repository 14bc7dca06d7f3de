/**
 * Decides which requests are traced, by settings that can change at any time: those from the start, those of all models, and those
 * of one model.
 *
 * Source: scheduling §10.2, §10.3.
 */
import { Result } from "effect"
import { InvalidRequest } from "../../schema/Errors.ts"
import type { RequestTrace } from "../../schema/RequestTrace.ts"
import type { TraceChange, TraceSetting } from "../../schema/TraceSetting.ts"
import type { Arrival, RequestObserver, TracingState } from "../../services/Tracing.ts"

/** Notes what happens to the requests that are traced under one setting. @category models */
export interface Recorder {
  /** `undefined`: it notes nothing of this one. */
  readonly begin: (arrival: Arrival) => RequestTrace | undefined
  /** No more requests follow: `count` of them have come, or another setting has taken the place of this one. */
  readonly ended: (why: "counted" | "replaced") => void
}

/** @category models */
export interface Options {
  /** What is in force at the start, and what stays when all else is cleared. */
  readonly setting: TraceSetting
  /** Called for each setting under which something can be traced. */
  readonly open: (setting: TraceSetting) => Recorder
  /** Told of settings that came into force. */
  readonly onSetting: (setting: TraceSetting) => void
  /** Models that may have settings of their own at a time. */
  readonly maxModels: number
}

/** @category models */
export interface TraceSampling extends TracingState {
  /** Ends all that is traced: no request follows. */
  readonly close: () => void
}

/** The settings that can change. */
type Fields = Pick<TraceSetting, "level" | "rate" | "count" | "logFrequency">
const names = ["level", "rate", "count", "logFrequency"] as const
/** Those that somebody has set, of all that can be. */
type Said = Partial<Fields>

const isOff = ({ level }: Pick<TraceSetting, "level">): boolean => level.length === 0 || level.includes("OFF")

/** Why nothing could be traced with these settings, by Triton's words; nothing need be where they say so. */
const problemOf = (setting: TraceSetting): string | undefined => {
  if (isOff(setting)) return undefined
  if (setting.rate === 0) return "sample rate must be non-zero"
  return setting.mode === "triton" && setting.file === "" ? "trace file name is not given" : undefined
}

/** One setting in force, and what it has counted. */
class Sampler {
  private readonly setting: TraceSetting
  private readonly recorder: Recorder | undefined
  /** Requests that say that they are part of a trace are traced, whatever was counted. */
  private readonly joins: boolean
  private readonly samples: boolean
  private left: number
  private seen = 0

  constructor(setting: TraceSetting, open: Options["open"]) {
    this.setting = setting
    this.left = setting.count
    this.joins = setting.mode === "opentelemetry" && !isOff(setting)
    this.samples = !isOff(setting) && problemOf(setting) === undefined
    this.recorder = this.active ? open(setting) : undefined
  }

  /** A further request could be traced. */
  get active(): boolean {
    return this.joins || (this.samples && this.left !== 0)
  }

  get inForce(): TraceSetting {
    return { ...this.setting, count: this.left }
  }

  begin(arrival: Arrival): RequestTrace | undefined {
    const { recorder, setting } = this
    const joined = this.joins && (arrival.context !== undefined || arrival.parent !== undefined)
    const sampling = this.samples && this.left !== 0
    if (recorder === undefined || !(sampling || joined)) return undefined
    let hit = false
    if (++this.seen >= setting.rate) {
      this.seen = 0
      hit = sampling
    }
    if (hit && this.left > 0) this.left--
    if (!hit && !joined) return undefined
    const trace = recorder.begin(arrival)
    if (hit && this.left === 0) recorder.ended("counted")
    return trace
  }

  replaced(): void {
    this.recorder?.ended("replaced")
  }
}

/** What was set, after a change. */
const changed = (said: Said, change: TraceChange): Said => {
  const next: { -readonly [Name in keyof Said]: Said[Name] } = { ...said }
  const set = <Name extends typeof names[number]>(name: Name) => {
    const value = change[name] as Fields[Name] | null | undefined
    if (value === null) delete next[name]
    else if (value !== undefined) next[name] = value
  }
  for (const name of names) set(name)
  return next
}

const tooMany = (models: ReadonlyArray<string>): string => {
  const who = models.length === 1
    ? "1 model has trace settings of its own"
    : `${models.length} models have trace settings of their own`
  const advice = models.length === 0
    ? "Allow more to set those of a single model."
    : `Clear all settings of another model first, such as '${models[0]}'.`
  return `${who}, which is as many as --trace-max-models allows. ${advice}`
}

const isEmpty = (record: object): boolean => Object.keys(record).length === 0

interface Layer {
  readonly said: Said
  readonly sampler: Sampler
}

/** @category constructors */
export const make = ({ maxModels, onSetting, open, setting: start }: Options): TraceSampling => {
  const layer = (said: Said, below: TraceSetting): Layer => {
    const setting = { ...below, ...said }
    onSetting(setting)
    return { said, sampler: new Sampler(setting, open) }
  }
  /** What was set, with what is left of a count. */
  const saidNow = ({ said, sampler }: Layer): Said =>
    said.count === undefined ? said : { ...said, count: sampler.inForce.count }

  const models = new Map<string, Layer>()
  let all = layer({}, start)
  let active = all.sampler.active

  const look = () => {
    active = all.sampler.active
    for (const { sampler } of models.values()) active ||= sampler.active
  }
  const refuse = (message: string) => Result.fail(new InvalidRequest({ message }))
  const invalid = (setting: TraceSetting) => {
    const problem = problemOf(setting)
    return problem === undefined ? undefined : refuse(`Attempting to set invalid trace setting :${problem}`)
  }

  /**
   * Sets what a model has of its own; what it has not follows all models. What is left of a count that it has from them goes on
   * counting unless the change is one of the count.
   */
  const replace = (model: string, said: Said, change: TraceChange) => {
    const own = models.get(model)
    own?.sampler.replaced()
    if (isEmpty(said)) models.delete(model)
    else {
      const below = all.sampler.inForce
      const count = own === undefined || change.count !== undefined ? below.count : own.sampler.inForce.count
      models.set(model, layer(said, { ...below, count }))
    }
  }

  const changeAll = (change: TraceChange) => {
    const said = changed(saidNow(all), change)
    // What is left of the count from the start goes on counting until it is set, or cleared.
    const below = change.count === null ? start : { ...start, count: all.sampler.inForce.count }
    const wrong = invalid({ ...below, ...said })
    if (wrong !== undefined) return wrong
    all.sampler.replaced()
    all = layer(said, below)
    for (const [model, own] of models) {
      if (names.some((name) => !(name in own.said))) replace(model, saidNow(own), change)
    }
    return undefined
  }

  const changeModel = (model: string, change: TraceChange) => {
    const own = models.get(model)
    const said = changed(own === undefined ? {} : saidNow(own), change)
    if (own === undefined && isEmpty(said)) return undefined
    if (own === undefined && models.size >= maxModels) return refuse(tooMany(Array.from(models.keys())))
    const wrong = isEmpty(said) ? undefined : invalid({ ...all.sampler.inForce, ...said })
    if (wrong !== undefined) return wrong
    replace(model, said, change)
    return undefined
  }

  const of = (model: string | undefined): TraceSetting =>
    ((model === undefined ? undefined : models.get(model)) ?? all).sampler.inForce

  const begin: RequestObserver["begin"] = (arrival) => {
    const { sampler } = models.size === 0 ? all : models.get(arrival.model) ?? all
    const trace = sampler.begin(arrival)
    if (!sampler.active) look()
    return trace
  }

  return {
    active: () => active,
    begin,
    settings: {
      of,
      isOwn: (model) => models.has(model),
      change: (model, change) => {
        if (names.every((name) => change[name] === undefined)) return Result.succeed(of(model))
        const refused = model === undefined ? changeAll(change) : changeModel(model, change)
        if (refused !== undefined) return refused
        look()
        return Result.succeed(of(model))
      }
    },
    close: () => {
      all.sampler.replaced()
      for (const { sampler } of models.values()) sampler.replaced()
      models.clear()
      all = { said: {}, sampler: new Sampler({ ...start, level: ["OFF"] }, open) }
      active = false
    }
  }
}
