/** JSON values as they were written: integers exact, and told apart from numbers with a fraction or an exponent. */

/**
 * A JSON value. An integer literal is a `number` up to 2^53 and a `bigint` beyond, as far as int64 or uint64 hold it;
 * every other number is a {@link JsonDouble}.
 *
 * @category models
 */
export type JsonValue =
  | null
  | boolean
  | string
  | number
  | bigint
  | JsonDouble
  | ReadonlyArray<JsonValue>
  | JsonObject

/** A number that is not an integer literal of 64 bits: `1.0`, `1e3`, `NaN`, `1e30`. @category models */
export class JsonDouble {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** An object with its members in order of appearance, duplicates included. @category models */
export class JsonObject {
  readonly keys: ReadonlyArray<string>
  readonly values: ReadonlyArray<JsonValue>
  private index: Map<string, JsonValue> | undefined = undefined
  constructor(keys: ReadonlyArray<string>, values: ReadonlyArray<JsonValue>) {
    this.keys = keys
    this.values = values
  }

  /** The member of that name, of duplicates the first; `undefined` where there is none. */
  get(name: string): JsonValue | undefined {
    if (this.keys.length <= 8) {
      const at = this.keys.indexOf(name)
      return at < 0 ? undefined : this.values[at]
    }
    if (this.index === undefined) {
      this.index = new Map()
      for (let i = 0; i < this.keys.length; i++) {
        if (!this.index.has(this.keys[i]!)) this.index.set(this.keys[i]!, this.values[i]!)
      }
    }
    return this.index.get(name)
  }

  /** Whether a member of that name exists. */
  has(name: string): boolean {
    return this.get(name) !== undefined
  }
}

/** @category guards */
export const isArray = (value: JsonValue | undefined): value is ReadonlyArray<JsonValue> => Array.isArray(value)
/** @category guards */
export const isObject = (value: JsonValue | undefined): value is JsonObject => value instanceof JsonObject
