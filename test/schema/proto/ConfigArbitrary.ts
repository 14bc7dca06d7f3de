/** Random messages, made from their descriptions. */
import * as fc from "fast-check"
import type { ModelConfig } from "../../../src/schema/ModelConfig.ts"
import type { Dynamic, EnumType, Field, MessageType, TypeOf } from "../../../src/schema/proto/Descriptor.ts"
import { putEntry } from "../../../src/schema/proto/Descriptor.ts"
import { ModelConfigMessage } from "../../../src/schema/proto/ModelConfigFields.ts"

const string = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.constantFrom("", "__proto__", "a\"b\\c\n\u0001\u007f\u0085", "\ufeff", "é€😀")
)

const scalar = (field: Field): fc.Arbitrary<unknown> => {
  switch (field.kind) {
    case "string":
      return string
    case "bytes":
      return fc.uint8Array({ maxLength: 8 })
    case "bool":
      return fc.boolean()
    case "int32":
      return fc.integer()
    case "uint32":
      return fc.nat(2 ** 32 - 1)
    case "int64":
      return field.as === "number" ? fc.maxSafeInteger() : fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case "uint64":
      return field.as === "number" ? fc.maxSafeNat() : fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
    case "float":
      return fc.float()
    case "double":
      return fc.double()
    case "enum": {
      const type = field.type as EnumType
      return fc.oneof(
        fc.constantFrom(...Object.keys(type.numbers)),
        fc.integer().filter((number) => !type.names.has(number))
      )
    }
    case "message":
      return message(field.type as MessageType)
  }
}

const record = (entries: ReadonlyArray<readonly [string, unknown]>): Dynamic => {
  const result: Dynamic = {}
  for (const [key, value] of entries) putEntry(result, key, value)
  return result
}

const value = (field: Field): fc.Arbitrary<unknown> => {
  if (field.label === "repeated") return fc.array(scalar(field), { maxLength: 3 })
  if (field.label === "map") {
    const key = field.key === undefined ? string : fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)
    return fc.array(fc.tuple(key, scalar(field)), { maxLength: 3 }).map(record)
  }
  return field.kind === "message" ? fc.option(scalar(field), { nil: undefined, freq: 1 }) : scalar(field)
}

const message = (type: MessageType): fc.Arbitrary<Dynamic> => {
  const oneofs = [...new Set(type.fields.flatMap((field) => field.oneof ?? []))]
  const plain = Object.fromEntries(
    type.fields.filter((field) => field.oneof === undefined).map((field) => [field.name, value(field)])
  )
  const chosen = Object.fromEntries(oneofs.map((oneof) => {
    const members = type.fields.filter((field) => field.oneof === oneof)
    return [
      oneof,
      fc.option(fc.oneof(...members.map((field) => scalar(field).map((one) => [field.name, one] as const))))
    ]
  }))
  return fc.tuple(fc.record(plain), fc.record(chosen)).map(([fields, choices]) => {
    const picked = new Map(Object.values(choices).flatMap((choice) => choice === null ? [] : [choice]))
    const result: Dynamic = {}
    for (const field of type.fields) {
      result[field.name] = field.oneof === undefined ? fields[field.name] : picked.get(field.name)
    }
    return result
  })
}

/** Any message of a type that does not contain itself. */
export const anyMessage = <M extends MessageType>(type: M): fc.Arbitrary<TypeOf<M>> =>
  message(type) as unknown as fc.Arbitrary<TypeOf<M>>

/** Any config whatever, valid or not. */
export const anyConfig: fc.Arbitrary<ModelConfig> = message(ModelConfigMessage) as unknown as fc.Arbitrary<ModelConfig>
