/**
 * Writes attributes as OTLP's protobuf messages. Numbers are those of the fields in `common.proto` of OTLP 1.x; fields are written from
 * the last to the first.
 */
import type { Value } from "./AttributeValues.ts"
import type { ReverseWriter } from "./ReverseWriter.ts"

/** Kinds of fields. @category constants */
export const wire = { varint: 0, fixed64: 1, nested: 2, fixed32: 5 } as const

/** Attributes of a span. @category constants */
export const spanField = 9

/** @category writing */
export const tag = (writer: ReverseWriter, field: number, wireType: number): void => writer.uint32(field * 8 + wireType)

/** @category writing */
export const text = (writer: ReverseWriter, field: number, value: string): void => {
  writer.string(value)
  tag(writer, field, wire.nested)
}

/** @category writing */
export const count = (writer: ReverseWriter, field: number, value: number): void => {
  writer.uint32(value)
  tag(writer, field, wire.varint)
}

/** What was written since then is a message in a field. @category writing */
export const message = (writer: ReverseWriter, field: number, since: number): void => {
  writer.message(since)
  tag(writer, field, wire.nested)
}

const anyValue = (writer: ReverseWriter, value: Value): void => {
  if (typeof value === "string") text(writer, 1, value)
  else if (typeof value === "number") {
    if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63) {
      writer.int64(value)
      tag(writer, 3, wire.varint)
    } else {
      writer.double(value)
      tag(writer, 4, wire.fixed64)
    }
  } else if (typeof value === "boolean") {
    writer.byte(value ? 1 : 0)
    tag(writer, 2, wire.varint)
  } else {
    const array = writer.length
    for (let i = value.length - 1; i >= 0; i--) {
      const item = writer.length
      anyValue(writer, value[i]!)
      message(writer, 1, item)
    }
    message(writer, 5, array)
  }
}

/** Attributes as fields of this number. @category writing */
export const write = (
  writer: ReverseWriter,
  field: number,
  names: ReadonlyArray<string>,
  values: ReadonlyArray<Value>
): void => {
  for (let i = names.length - 1; i >= 0; i--) {
    const pair = writer.length
    anyValue(writer, values[i]!)
    message(writer, 2, pair)
    text(writer, 1, names[i]!)
    message(writer, field, pair)
  }
}
