/** What the wire form needs of a description, worked out once for each message type. */
import type { EnumType, Field, MessageType } from "./Descriptor.ts"
import { defaultScalar, entryType, hasPresence } from "./Descriptor.ts"
import { wire } from "./WireReader.ts"

/** Kinds of values as numbers, for the switches of reader and writer. @internal */
export const op = {
  string: 0,
  bytes: 1,
  bool: 2,
  int32: 3,
  uint32: 4,
  int64: 5,
  uint64: 6,
  int64Number: 7,
  uint64Number: 8,
  float: 9,
  double: 10,
  enum: 11,
  message: 12
} as const

/** @internal */
export type Op = (typeof op)[keyof typeof op]

/** One field. @internal */
export interface FieldPlan {
  readonly name: string
  readonly op: Op
  /** The tag of one value. */
  readonly tag: number
  /** The tag of a packed list; 0 where the kind cannot be packed or the field is no list. */
  readonly packedTag: number
  readonly repeated: boolean
  /** Absent from the wire means absent, not default. */
  readonly presence: boolean
  readonly fallback: unknown
  readonly enumeration: EnumType | undefined
  readonly message: MessagePlan | undefined
  /** The entries of a map. */
  readonly entry: MessagePlan | undefined
  /** Other members of its oneof. */
  readonly siblings: ReadonlyArray<string>
}

/** One message. @internal */
export interface MessagePlan {
  readonly type: MessageType
  readonly fields: ReadonlyArray<FieldPlan>
  /** In the order of their numbers. */
  readonly sorted: ReadonlyArray<FieldPlan>
  readonly byNumber: ReadonlyArray<FieldPlan | undefined>
}

const wireOf = (code: Op): number => {
  switch (code) {
    case op.string:
    case op.bytes:
    case op.message:
      return wire.delimited
    case op.float:
      return wire.fixed32
    case op.double:
      return wire.fixed64
    default:
      return wire.varint
  }
}

const opOf = (field: Field): Op =>
  field.as === "number" && field.kind === "int64"
    ? op.int64Number
    : field.as === "number" && field.kind === "uint64"
    ? op.uint64Number
    : op[field.kind]

/** The value of a list or map that the wire does not hold: one for all, as nobody may change it. @internal */
export const emptyList: ReadonlyArray<unknown> = Object.freeze([])
/** @internal */
export const emptyMap: Readonly<Record<string, unknown>> = Object.freeze({})

const fallbackOf = (field: Field): unknown =>
  field.label === "repeated"
    ? emptyList
    : field.label === "map"
    ? emptyMap
    : hasPresence(field)
    ? undefined
    : defaultScalar(field)

const fieldPlan = (type: MessageType, field: Field): FieldPlan => {
  const code = opOf(field)
  const isMap = field.label === "map"
  const repeated = field.label === "repeated"
  const packable = repeated && wireOf(code) !== wire.delimited
  return {
    name: field.name,
    op: code,
    tag: field.number * 8 + (isMap ? wire.delimited : wireOf(code)),
    packedTag: packable ? field.number * 8 + wire.delimited : 0,
    repeated,
    presence: hasPresence(field),
    fallback: fallbackOf(field),
    enumeration: field.kind === "enum" ? field.type as EnumType : undefined,
    message: field.kind === "message" && !isMap ? planOf(field.type as MessageType) : undefined,
    entry: isMap ? planOf(entryType(type, field)) : undefined,
    siblings: field.oneof === undefined
      ? []
      : type.fields.flatMap((other) => other !== field && other.oneof === field.oneof ? [other.name] : [])
  }
}

const plans = new WeakMap<MessageType, MessagePlan>()

/** The plan of a message type, made on first use. @internal */
export const planOf = (type: MessageType): MessagePlan => {
  const known = plans.get(type)
  if (known !== undefined) return known
  const fields: Array<FieldPlan> = []
  const sorted: Array<FieldPlan> = []
  const byNumber: Array<FieldPlan | undefined> = []
  const plan: MessagePlan = { type, fields, sorted, byNumber }
  // Known before its fields are looked at: a message may contain itself.
  plans.set(type, plan)
  const highest = type.fields.reduce((most, field) => Math.max(most, field.number), 0)
  for (let number = 0; number <= highest; number++) byNumber.push(undefined)
  for (const field of type.fields) {
    const made = fieldPlan(type, field)
    fields.push(made)
    byNumber[field.number] = made
  }
  for (const made of byNumber) if (made !== undefined) sorted.push(made)
  return plan
}
