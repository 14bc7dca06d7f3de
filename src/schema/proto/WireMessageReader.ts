/** Reads whole messages from the wire form, driven by their descriptions. */
import type { Dynamic } from "./Descriptor.ts"
import { putEntry } from "./Descriptor.ts"
import type { FieldPlan, MessagePlan } from "./WirePlan.ts"
import { emptyList, emptyMap, op } from "./WirePlan.ts"
import type { WireReader } from "./WireReader.ts"

const make = (plan: MessagePlan): Dynamic => {
  const result: Dynamic = {}
  const { fields } = plan
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!
    result[field.name] = field.fallback
  }
  return result
}

const scalar = (reader: WireReader, field: FieldPlan): unknown => {
  switch (field.op) {
    case op.string:
      return reader.string()
    case op.bytes:
      return reader.bytes()
    case op.bool:
      return reader.bool()
    case op.int32:
      return reader.int32()
    case op.uint32:
      return reader.uint32()
    case op.int64:
      return reader.int64()
    case op.uint64:
      return reader.uint64()
    case op.int64Number:
      return reader.int64Number()
    case op.uint64Number:
      return reader.uint64Number()
    case op.float:
      return reader.float()
    case op.double:
      return reader.double()
    default: {
      const number = reader.int32()
      return field.enumeration!.names.get(number) ?? number
    }
  }
}

/** A nested message; into an earlier one of the same field, as the wire form wants. */
const nested = (reader: WireReader, plan: MessagePlan, earlier: Dynamic | undefined): Dynamic => {
  const outer = reader.open()
  const result = earlier ?? make(plan)
  merge(reader, plan, result)
  reader.close(outer)
  return result
}

const packed = (reader: WireReader, field: FieldPlan, list: Array<unknown>): void => {
  const outer = reader.open()
  while (reader.pos < reader.end) list.push(scalar(reader, field))
  reader.close(outer)
}

const entry = (reader: WireReader, plan: MessagePlan, entries: Dynamic): void => {
  const { key, value } = nested(reader, plan, undefined)
  const { message } = plan.byNumber[2]!
  putEntry(entries, typeof key === "string" ? key : String(key), value ?? make(message!))
}

const listed = (reader: WireReader, field: FieldPlan, tag: number, into: Dynamic): void => {
  let list = into[field.name] as Array<unknown>
  if (list === emptyList) into[field.name] = list = []
  if (tag === field.packedTag) packed(reader, field, list)
  else if (field.op === op.message) list.push(nested(reader, field.message!, undefined))
  else list.push(scalar(reader, field))
}

const mapped = (reader: WireReader, field: FieldPlan, into: Dynamic): void => {
  let entries = into[field.name] as Dynamic
  if (entries === emptyMap) into[field.name] = entries = {}
  entry(reader, field.entry!, entries)
}

const merge = (reader: WireReader, plan: MessagePlan, into: Dynamic): void => {
  const { byNumber } = plan
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    const number = tag >>> 3
    const field = number < byNumber.length ? byNumber[number] : undefined
    if (field === undefined || (tag !== field.tag && tag !== field.packedTag)) {
      reader.skip(tag)
      continue
    }
    if (field.repeated) listed(reader, field, tag, into)
    else if (field.entry !== undefined) mapped(reader, field, into)
    else {
      into[field.name] = field.op === op.message
        ? nested(reader, field.message!, into[field.name] as Dynamic | undefined)
        : scalar(reader, field)
      for (let i = 0; i < field.siblings.length; i++) into[field.siblings[i]!] = undefined
    }
  }
}

/** The message in the rest of the reader. Throws `WireProblem`. @internal */
export const read = (reader: WireReader, plan: MessagePlan): Dynamic => {
  const result = make(plan)
  merge(reader, plan, result)
  return result
}
