/** What attributes of spans may be, and how long: OpenTelemetry's rules, and Effect's for what they have no form for. */
import { Inspectable } from "effect"
import { detached } from "../../../../schema/DetachedText.ts"

/** @category models */
export type Single = string | number | boolean

/** @category models */
export type Value = Single | ReadonlyArray<Single>

const isSingle = (value: unknown): value is Single =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean"

const isUniform = (values: ReadonlyArray<unknown>): values is ReadonlyArray<Single> => {
  const type = typeof values[0]
  return values.every((value) => typeof value === type && isSingle(value))
}

const cut = (text: string, limit: number): string => text.length <= limit ? text : detached(text.slice(0, limit))

/** Whatever it is, as an attribute has it; `limit`: characters of a text. @category conversions */
export const of = (value: unknown, limit: number): Value => {
  if (typeof value === "string") return cut(value, limit)
  if (typeof value === "number" || typeof value === "boolean") return value
  if (Array.isArray(value) && isUniform(value)) {
    return value.map((one) => typeof one === "string" ? cut(one, limit) : one)
  }
  return cut(typeof value === "bigint" ? String(value) : Inspectable.toStringUnknown(value), limit)
}

/** Attributes of an event or a link. @category models */
export interface Bounded {
  readonly attributes: Readonly<Record<string, Value>>
  /** How many there was no room for. */
  readonly dropped: number
}

/** No attributes. @category constants */
export const none: Bounded["attributes"] = {}

/** That of what has none. @category constants */
export const nothing: Bounded = { attributes: none, dropped: 0 }

/** So many of them, each so long. @category conversions */
export const bounded = (
  attributes: Readonly<Record<string, unknown>> | undefined,
  count: number,
  limit: number
): Bounded => {
  if (attributes === undefined) return nothing
  let kept: Record<string, Value> | undefined
  let size = 0
  let dropped = 0
  for (const name in attributes) {
    if (name === "" || !Object.hasOwn(attributes, name)) continue
    if (size >= count) {
      dropped++
      continue
    }
    kept ??= {}
    // A name such as `__proto__` is one as well.
    Object.defineProperty(kept, name, {
      value: of(attributes[name], limit),
      enumerable: true,
      configurable: true,
      writable: true
    })
    size++
  }
  return kept === undefined && dropped === 0 ? nothing : { attributes: kept ?? none, dropped }
}
