/** The part of JSON Schema (2020-12) and OpenAPI 3.1 that the server's own description uses. */

/** @category models */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | ReadonlyArray<JsonValue>
  | { readonly [name: string]: JsonValue }

/** A schema, written as it stands in the document. @category models */
export type JsonSchema = { readonly [name: string]: JsonValue }

/** @category constructors */
export const text: JsonSchema = { type: "string" }

/** @category constructors */
export const flag: JsonSchema = { type: "boolean" }

/** @category constructors */
export const list = (items: JsonSchema): JsonSchema => ({ type: "array", items })

/** An object; members that are not named may be there as well. @category constructors */
export const record = (
  properties: { readonly [name: string]: JsonSchema },
  required: ReadonlyArray<string> = []
): JsonSchema => ({ type: "object", properties, ...(required.length === 0 ? {} : { required }) })

/** A schema among the components of the document. @category constructors */
export const reference = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` })
