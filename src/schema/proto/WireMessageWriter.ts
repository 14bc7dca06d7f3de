/** Writes whole messages in the wire form, driven by their descriptions: fields in the order of their numbers. */
import type { Dynamic, EnumType } from "./Descriptor.ts"
import type { FieldPlan, MessagePlan } from "./WirePlan.ts"
import { op } from "./WirePlan.ts"
import type { WireWriter } from "./WireWriter.ts"

const refuse = (plan: MessagePlan, field: FieldPlan, value: unknown, wanted: string): never => {
  throw new RangeError(`${plan.type.fullName}.${field.name}: ${String(value)} is no ${wanted}`)
}

const enumNumber = (plan: MessagePlan, field: FieldPlan, value: string | number): number => {
  if (typeof value === "number") return (value | 0) === value ? value : refuse(plan, field, value, "enum number")
  const { fullName, numbers } = field.enumeration as EnumType
  return Object.hasOwn(numbers, value) ? numbers[value]! : refuse(plan, field, value, `name of ${fullName}`)
}

const scalar = (writer: WireWriter, plan: MessagePlan, field: FieldPlan, value: unknown): void => {
  switch (field.op) {
    case op.string:
      return writer.string(value as string)
    case op.bytes:
      return writer.bytes(value as Uint8Array)
    case op.bool:
      return writer.bool(value as boolean)
    case op.int32:
      if (((value as number) | 0) !== value) refuse(plan, field, value, "int32")
      return writer.int32(value as number)
    case op.uint32:
      if (((value as number) >>> 0) !== value) refuse(plan, field, value, "uint32")
      return writer.uint32(value as number)
    case op.int64:
      if (BigInt.asIntN(64, value as bigint) !== value) refuse(plan, field, value, "int64")
      return writer.int64(value as bigint)
    case op.uint64:
      if (BigInt.asUintN(64, value as bigint) !== value) refuse(plan, field, value, "uint64")
      return writer.int64(value as bigint)
    case op.int64Number:
      if (!Number.isSafeInteger(value)) refuse(plan, field, value, "int64 within 2^53")
      return writer.int64Number(value as number)
    case op.uint64Number:
      if (!Number.isSafeInteger(value) || (value as number) < 0) refuse(plan, field, value, "uint64 within 2^53")
      return writer.int64Number(value as number)
    case op.float:
      return writer.float(value as number)
    case op.double:
      return writer.double(value as number)
    case op.enum:
      return writer.int32(enumNumber(plan, field, value as string | number))
    default:
      writer.begin()
      write(writer, field.message!, value as Dynamic)
      return writer.end()
  }
}

/** `true` for a value that is not written, as absent means the same. */
const isDefault = (field: FieldPlan, value: unknown): boolean => {
  if (field.presence) return false
  switch (field.op) {
    case op.float:
    case op.double:
      return Object.is(value, 0)
    case op.bytes:
      return (value as Uint8Array).length === 0
    case op.enum:
      return value === field.fallback || value === 0
    default:
      return value === field.fallback
  }
}

const list = (writer: WireWriter, plan: MessagePlan, field: FieldPlan, values: ReadonlyArray<unknown>): void => {
  if (values.length === 0) return
  if (field.packedTag === 0) {
    for (let i = 0; i < values.length; i++) {
      writer.uint32(field.tag)
      scalar(writer, plan, field, values[i])
    }
    return
  }
  writer.uint32(field.packedTag)
  writer.begin()
  for (let i = 0; i < values.length; i++) scalar(writer, plan, field, values[i])
  writer.end()
}

const map = (writer: WireWriter, field: FieldPlan, entries: Dynamic): void => {
  const entry = field.entry!
  const key = entry.byNumber[1]!
  const value = entry.byNumber[2]!
  for (const name of Object.keys(entries)) {
    writer.uint32(field.tag)
    writer.begin()
    // Key and value are written even when they are defaults: so do other writers, and some readers expect both.
    writer.uint32(key.tag)
    scalar(writer, entry, key, key.op === op.string ? name : BigInt(name))
    writer.uint32(value.tag)
    scalar(writer, entry, value, entries[name])
    writer.end()
  }
}

/** Writes the fields of a message. Throws `RangeError` for a number that its field cannot hold. @internal */
export const write = (writer: WireWriter, plan: MessagePlan, message: Dynamic): void => {
  const { sorted } = plan
  for (let i = 0; i < sorted.length; i++) {
    const field = sorted[i]!
    const value = message[field.name]
    if (value === undefined) continue
    if (field.repeated) list(writer, plan, field, value as ReadonlyArray<unknown>)
    else if (field.entry !== undefined) map(writer, field, value as Dynamic)
    else if (!isDefault(field, value)) {
      writer.uint32(field.tag)
      scalar(writer, plan, field, value)
    }
  }
}
