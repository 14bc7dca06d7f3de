/**
 * Descriptions of protobuf messages as plain values, and the TypeScript types that follow from them.
 *
 * One description drives the text format, the JSON form and the wire form alike; the order of the fields is the order of
 * declaration in the proto file, which is the order of the keys in JSON.
 */

/** Kinds of protobuf scalars that occur in the messages of this server. @category models */
export type ScalarKind = "string" | "bytes" | "bool" | "int32" | "uint32" | "int64" | "uint64" | "float" | "double"

/** An enum: its full protobuf name, and the numbers of its names. @category models */
export interface EnumType<Name extends string = string> {
  readonly fullName: string
  readonly numbers: Readonly<Record<Name, number>>
  readonly names: ReadonlyMap<number, string>
}

/** A message: its full protobuf name and its fields in the order of declaration. @category models */
export interface MessageType<Fields extends ReadonlyArray<Field> = ReadonlyArray<Field>> {
  readonly fullName: string
  readonly fields: Fields
  readonly byName: ReadonlyMap<string, Field>
}

/** One field of a message. @category models */
export interface Field {
  readonly name: string
  /** The number on the wire. */
  readonly number: number
  readonly kind: ScalarKind | "enum" | "message"
  /** Of kinds `enum` and `message`; in a map, of its values. */
  readonly type?: EnumType | MessageType
  /** Absent: a single value. A map has string keys unless `key` says otherwise. */
  readonly label?: "repeated" | "map"
  /** Kind of a map's keys: absent means `string`. */
  readonly key?: "uint64"
  /** Name of the oneof that the field is a member of. */
  readonly oneof?: string
  /** A scalar that tells absent from default, as every singular scalar of a proto2 file does. */
  readonly optional?: true
  /** A 64-bit integer that is a `number` in TypeScript: shapes and versions, exact to 2^53. Absent: `bigint`. */
  readonly as?: "number"
  /** A 64-bit integer that stays a string in the JSON form. Absent: a JSON number. */
  readonly json?: "string"
  /** An older name, accepted in the text format with a warning. */
  readonly alias?: string
}

type Item<F extends Field> = F extends { readonly kind: "string" } ? string
  : F extends { readonly kind: "bytes" } ? Uint8Array
  : F extends { readonly kind: "bool" } ? boolean
  : F extends { readonly kind: "int64" | "uint64" } ? F extends { readonly as: "number" } ? number : bigint
  : F extends { readonly kind: "enum"; readonly type: EnumType<infer Name> } ? Name | number
  : F extends { readonly kind: "message"; readonly type: infer M extends MessageType } ? TypeOf<M>
  : number

type Value<F extends Field> = F extends { readonly label: "repeated" } ? ReadonlyArray<Item<F>>
  : F extends { readonly label: "map" } ? Readonly<Record<string, Item<F>>>
  : F extends { readonly oneof: string } | { readonly optional: true } | { readonly kind: "message" } ?
    Item<F> | undefined
  : Item<F>

/**
 * The TypeScript type of a message: scalars, lists and maps are always present, messages and oneof members may be
 * `undefined`, enums are their names (an unknown number stays a number).
 *
 * @category models
 */
export type TypeOf<M extends MessageType> = {
  readonly [F in M["fields"][number] as F["name"]]: Value<F>
}

type DraftItem<F extends Field> = F extends { readonly kind: "message"; readonly type: infer M extends MessageType } ?
  DraftOf<M> :
  Item<F>

type DraftValue<F extends Field> = F extends { readonly label: "repeated" } ? ReadonlyArray<DraftItem<F>>
  : F extends { readonly label: "map" } ? Readonly<Record<string, DraftItem<F>>>
  : DraftItem<F>

/** The same message with every field optional, at every depth. @category models */
export type DraftOf<M extends MessageType> = {
  readonly [F in M["fields"][number] as F["name"]]?: DraftValue<F> | undefined
}

/** Describes an enum. @category constructors */
export const enumeration = <const Numbers extends Readonly<Record<string, number>>>(
  fullName: string,
  numbers: Numbers
): EnumType<Extract<keyof Numbers, string>> => ({
  fullName,
  numbers,
  names: new Map(Object.entries(numbers).map(([name, number]) => [number, name]))
})

/** Describes a message. @category constructors */
export const message = <const Fields extends ReadonlyArray<Field>>(
  fullName: string,
  fields: Fields
): MessageType<Fields> => ({
  fullName,
  fields,
  byName: new Map(fields.map((field) => [field.name, field]))
})

/** One remote procedure of a service. @category models */
export interface Rpc<
  Name extends string = string,
  Request extends MessageType = MessageType,
  Response extends MessageType = MessageType,
  Streaming extends boolean = boolean
> {
  readonly name: Name
  readonly request: Request
  readonly response: Response
  /** The client sends any number of messages; absent or `false`: exactly one. */
  readonly clientStreaming?: Streaming
  /** The server sends any number of messages; absent or `false`: exactly one. */
  readonly serverStreaming?: Streaming
}

/** A service: its full protobuf name and its procedures in the order of declaration. @category models */
export interface ServiceType<Rpcs extends ReadonlyArray<Rpc> = ReadonlyArray<Rpc>> {
  readonly fullName: string
  readonly rpcs: Rpcs
}

/** Describes a service. @category constructors */
export const service = <const Rpcs extends ReadonlyArray<Rpc>>(fullName: string, rpcs: Rpcs): ServiceType<Rpcs> => ({
  fullName,
  rpcs
})

/** The path of a procedure in HTTP/2: `/inference.GRPCInferenceService/ModelInfer`. @category getters */
export const rpcPath = (type: ServiceType, rpc: Rpc): string => `/${type.fullName}/${rpc.name}`

/** `true` when the field tells absent from default: messages and members of a oneof. @category getters */
export const hasPresence = (field: Field): boolean =>
  field.label === undefined && (field.kind === "message" || field.oneof !== undefined || field.optional === true)

const noBytes = new Uint8Array(0)

/** The default value of one item of a field, message values excepted. @category getters */
export const defaultScalar = (field: Field): string | boolean | number | bigint | Uint8Array => {
  switch (field.kind) {
    case "string":
      return ""
    case "bytes":
      return noBytes
    case "bool":
      return false
    case "int64":
    case "uint64":
      return field.as === "number" ? 0 : 0n
    case "enum": {
      const type = field.type as EnumType
      return type.names.get(0) ?? 0
    }
    default:
      return 0
  }
}

/** The name of a field in JSON's other spelling: `max_batch_size` is `maxBatchSize`. @category getters */
export const camelCase = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

const entryTypes = new WeakMap<Field, MessageType>()

/** The message that one entry of a map field is: `key` 1 and `value` 2. @category getters */
export const entryType = (parent: MessageType, field: Field): MessageType => {
  const known = entryTypes.get(field)
  if (known !== undefined) return known
  const camel = camelCase(field.name)
  const made = message(`${parent.fullName}.${camel.slice(0, 1).toUpperCase()}${camel.slice(1)}Entry`, [
    { name: "key", number: 1, kind: field.key ?? "string" },
    { name: "value", number: 2, kind: field.kind, ...(field.type === undefined ? {} : { type: field.type }) }
  ])
  entryTypes.set(field, made)
  return made
}

/** A message as the interpreters of descriptions see it: values by field name. @category models */
export type Dynamic = Record<string, unknown>

/** Puts an entry into a record that came from outside: `__proto__` is a key like any other. @category combinators */
export const putEntry = (record: Record<string, unknown>, key: string, value: unknown): void => {
  if (key === "__proto__") {
    Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })
  } else record[key] = value
}

const fill = (field: Field, draft: unknown): unknown =>
  field.kind === "message" ? createDynamic(field.type as MessageType, draft as Dynamic) : draft

const createDynamic = (type: MessageType, draft: Dynamic): Dynamic => {
  const result: Dynamic = {}
  for (const field of type.fields) {
    const given = draft[field.name]
    if (field.label === "repeated") {
      result[field.name] = given === undefined ? [] : (given as ReadonlyArray<unknown>).map((item) => fill(field, item))
    } else if (field.label === "map") {
      const entries: Record<string, unknown> = {}
      for (const [key, value] of Object.entries(given ?? {})) putEntry(entries, key, fill(field, value))
      result[field.name] = entries
    } else if (given === undefined) result[field.name] = hasPresence(field) ? undefined : defaultScalar(field)
    else result[field.name] = fill(field, given)
  }
  return result
}

/** A complete message out of some of its fields; the rest take their defaults, at every depth. @category constructors */
export const create = <M extends MessageType>(type: M, draft: DraftOf<M>): TypeOf<M> =>
  createDynamic(type, draft as Dynamic) as TypeOf<M>
