/**
 * How the versions of a model are rolled out: labels that stand for versions, the split of the traffic that names none, and the
 * version that runs in its shadow. Kept beside the versions, in `rollout.json`.
 */
import { Result, Schema, SchemaIssue } from "effect"
import type * as JsonPlaces from "./JsonPlaces.ts"
import { nearest } from "./proto/Suggestion.ts"
import * as TensorComparison from "./TensorComparison.ts"
import { description, isLabel } from "./VersionLabel.ts"

/** Labels that a rollout may have. @category constants */
export const maxLabels = 64

/** Targets that a split may have. @category constants */
export const maxTargets = 16

/** Weight that a target may have. @category constants */
export const maxWeight = 1e9

/** Words that stand for versions without being labels: the greatest ready one, and the greatest ready one below it. @category constants */
export const words = ["latest", "previous"] as const

/** A version by its number or by its place among the ready ones. @category models */
export type VersionReference = number | (typeof words)[number]

const decimal = /^(?:0|[1-9]\d{0,14})$/

const Reference = Schema.Union([Schema.Natural, Schema.Literals(words)])
const Weight = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: maxWeight }))
const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
const Distance = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))
const Target = Schema.String.check(Schema.makeFilter((text) => isLabel(text) || decimal.test(text)))

/** The contents of `rollout.json`; every field may be left out. @category schemas */
export const RolloutJson = Schema.Struct({
  labels: Schema.optionalKey(
    Schema.Record(Schema.String, Reference).check(Schema.isMaxProperties(maxLabels))
  ),
  traffic: Schema.optionalKey(
    Schema.Record(Schema.String, Weight).check(Schema.isMaxProperties(maxTargets))
  ),
  sticky: Schema.optionalKey(Schema.NonEmptyString),
  shadow: Schema.optionalKey(Schema.Struct({
    to: Schema.Union([Schema.Natural, Target]),
    share: Share,
    tolerance: Schema.optionalKey(Schema.Struct({
      absolute: Schema.optionalKey(Distance),
      relative: Schema.optionalKey(Distance)
    }))
  }))
})

/** Requests that are run a second time, on another version, whose outputs are compared. @category models */
export interface Shadow {
  /** A label, the decimal number of a version, `latest` or `previous`. */
  readonly to: string
  /** Share of the answered requests, from 0 to 1. */
  readonly share: number
  readonly tolerance: TensorComparison.Tolerance
}

/** @category models */
export interface Rollout {
  readonly labels: ReadonlyMap<string, VersionReference>
  /**
   * Weights of the targets of requests that name no version: labels, decimal numbers of versions, `latest` or `previous`.
   * `undefined`: they go to the greatest ready version.
   */
  readonly traffic: ReadonlyMap<string, number> | undefined
  /** Request parameter whose value decides for a target; `undefined`: chance does. */
  readonly sticky: string | undefined
  readonly shadow: Shadow | undefined
}

/** What is wrong in a rollout, and with which value. @category models */
export interface Fault {
  /** The field, `[]` for the whole file. */
  readonly path: JsonPlaces.Path
  /** What is wrong there and what was expected, to follow the field's name: `is 3; expected …`. */
  readonly problem: string
}

const version = "a version (a whole number from 0 on), \"latest\" or \"previous\""
const target = "a label of 'labels', a version, \"latest\" or \"previous\""

/** What each field takes; `*` stands for any name. */
const expectations: ReadonlyArray<readonly [path: ReadonlyArray<string>, expected: string]> = [
  [[], "an object with 'labels', 'traffic', 'sticky' and 'shadow', each of which may be left out"],
  [["labels"], `an object of at most ${maxLabels} labels with their versions`],
  [["labels", "*"], version],
  [["traffic"], `an object of at most ${maxTargets} targets with their weights`],
  [["traffic", "*"], `a weight from 0 to ${maxWeight}`],
  [["sticky"], "the name of a request parameter"],
  [["shadow"], "an object with 'to', 'share' and, if wanted, 'tolerance'"],
  [["shadow", "to"], target],
  [["shadow", "share"], "a number from 0 to 1"],
  [["shadow", "tolerance"], "an object with 'absolute', 'relative' or both"],
  [["shadow", "tolerance", "absolute"], "a number from 0 on"],
  [["shadow", "tolerance", "relative"], "a number from 0 on"]
]

const expectedAt = (path: JsonPlaces.Path): string | undefined =>
  expectations.find(([pattern]) =>
    pattern.length === path.length && pattern.every((step, i) => step === "*" || step === path[i])
  )?.[1]

const valueAt = (json: unknown, path: JsonPlaces.Path): unknown => {
  let value = json
  for (const step of path) value = (value as Readonly<Record<PropertyKey, unknown>> | undefined)?.[step]
  return value
}

/** A value in a few words: people know it by sight, and a long one is not what they look for. */
const show = (value: unknown): string => {
  if (value === undefined) return "missing"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "object" && value !== null) {
    const count = Object.keys(value).length
    return `an object of ${count} ${count === 1 ? "member" : "members"}`
  }
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

const fault = (path: JsonPlaces.Path, problem: string): Result.Result<never, Fault> => Result.fail({ path, problem })

const decode = Schema.decodeUnknownResult(RolloutJson, { onExcessProperty: "error" })
const issues = SchemaIssue.makeFormatterStandardSchemaV1()

const schemaFault = (json: unknown, issue: SchemaIssue.Issue): Fault => {
  const path = (issues(issue).issues[0]?.path ?? []).map((step) => typeof step === "object" ? step.key : step)
  const expected = expectedAt(path)
  if (expected !== undefined) return { path, problem: `is ${show(valueAt(json, path))}; expected ${expected}` }
  const siblings = expectations.flatMap(([pattern]) =>
    pattern.length === path.length && pattern.slice(0, -1).every((step, i) => step === path[i]) ? [pattern.at(-1)!] : []
  )
  const meant = nearest(String(path.at(-1)), siblings)
  const known = siblings.map((name) => `'${name}'`).join(", ")
  return {
    path,
    problem: meant === undefined ? `is no field; expected one of ${known}` : `is no field; did you mean '${meant}'?`
  }
}

const isWord = (text: string): text is (typeof words)[number] => words.includes(text as (typeof words)[number])

/** Checks what the schema cannot see: names, and fields that depend on others. */
const check = (rollout: Rollout): Result.Result<Rollout, Fault> => {
  const known = [...rollout.labels.keys()]
  const isTarget = (text: string) => rollout.labels.has(text) || decimal.test(text) || isWord(text)
  const badTarget = (text: string): string => {
    const meant = nearest(text, [...known, ...words])
    return `is no target; expected ${target}${meant === undefined ? "" : `; did you mean '${meant}'?`}`
  }
  for (const name of known) {
    if (!isLabel(name)) return fault(["labels", name], `is no label; expected ${description}`)
    if (isWord(name)) return fault(["labels", name], "has a meaning of its own; expected another name for the label")
  }
  let sum = 0
  for (const [name, weight] of rollout.traffic ?? []) {
    if (!isTarget(name)) return fault(["traffic", name], badTarget(name))
    sum += weight
  }
  if (rollout.traffic !== undefined && sum === 0) {
    return fault(["traffic"], "has no weight above 0; expected at least one, or no 'traffic' at all")
  }
  if (rollout.sticky !== undefined && rollout.traffic === undefined) {
    return fault(["sticky"], "decides between targets, and there are none; expected 'traffic' as well")
  }
  const { shadow } = rollout
  if (shadow !== undefined && !isTarget(shadow.to)) return fault(["shadow", "to"], badTarget(shadow.to))
  return Result.succeed(rollout)
}

/** The rollout that a JSON value describes, or the first thing that is wrong with it. @category decoding */
export const fromJson = (json: unknown): Result.Result<Rollout, Fault> => {
  const decoded = decode(json)
  if (Result.isFailure(decoded)) return Result.fail(schemaFault(json, decoded.failure.issue))
  const { labels = {}, shadow, sticky, traffic } = decoded.success
  return check({
    labels: new Map(Object.entries(labels)),
    traffic: traffic === undefined ? undefined : new Map(Object.entries(traffic)),
    sticky,
    shadow: shadow === undefined ? undefined : {
      to: String(shadow.to),
      share: shadow.share,
      tolerance: { ...TensorComparison.exact, ...shadow.tolerance }
    }
  })
}

/** The first version that a rollout names and that is not among those that are served. @category validation */
export const unserved = (rollout: Rollout, served: ReadonlyArray<number>): Fault | undefined => {
  const problem = (text: number | string) =>
    `stands for version ${text}, which is not served; expected one of ${served.join(", ")}`
  const isUnserved = (text: string) => decimal.test(text) && !served.includes(Number(text))
  for (const [name, reference] of rollout.labels) {
    if (typeof reference === "number" && !served.includes(reference)) {
      return { path: ["labels", name], problem: problem(reference) }
    }
  }
  for (const name of rollout.traffic?.keys() ?? []) {
    if (isUnserved(name)) return { path: ["traffic", name], problem: problem(name) }
  }
  const { shadow } = rollout
  return shadow !== undefined && isUnserved(shadow.to)
    ? { path: ["shadow", "to"], problem: problem(shadow.to) }
    : undefined
}

/** What a label or another target stands for; `undefined` for a label that there is not. @category getters */
export const referenceOf = ({ labels }: Rollout, to: string): VersionReference | undefined =>
  labels.get(to) ?? (isWord(to) ? to : decimal.test(to) ? Number(to) : undefined)

/** The version that is meant among the ready ones, which are ascending; `undefined` where it is not ready. @category getters */
export const resolve = (reference: VersionReference, ready: ReadonlyArray<number>): number | undefined => {
  if (reference === "latest") return ready.at(-1)
  if (reference === "previous") return ready.at(-2)
  return ready.includes(reference) ? reference : undefined
}
