import { assert, describe, it } from "@effect/vitest"
import * as BytesElements from "../../../src/schema/BytesElements.ts"
import type { Draft } from "../../../src/schema/ModelConfig.ts"
import { floats } from "../Batches.ts"
import { draft, layoutOf, member, named, stepJob } from "./Steps.ts"

type Values =
  | { readonly int32_false_true: ReadonlyArray<number> }
  | { readonly fp32_false_true: ReadonlyArray<number> }
  | {
    readonly bool_false_true: ReadonlyArray<boolean>
  }
const flags = (values: Values): Draft =>
  draft({
    sequence_batching: {
      control_input: (["START", "END", "READY"] as const).map((name) => ({
        name,
        control: [{ kind: `CONTROL_SEQUENCE_${name}`, ...values }]
      }))
    }
  })

type IdType = "TYPE_UINT64" | "TYPE_INT64" | "TYPE_UINT32" | "TYPE_INT32" | "TYPE_STRING"
const ids = (data_type: IdType, more: Draft = {}): Draft =>
  draft({
    sequence_batching: {
      control_input: [{ name: "ID", control: [{ kind: "CONTROL_SEQUENCE_CORRID", data_type }] }]
    },
    ...more
  })

describe("SequenceLayout, controls", () => {
  const kinds = [
    ["INT32", { int32_false_true: [0, 1] }, (data: Uint8Array) => [...new Int32Array(data.slice().buffer)]],
    ["FP32", { fp32_false_true: [0, 1] }, (data: Uint8Array) => [...new Float32Array(data.slice().buffer)]],
    ["BOOL", { bool_false_true: [false, true] }, (data: Uint8Array) => [...data]]
  ] as const
  for (const [datatype, values, read] of kinds) {
    it(`say what each row is, as ${datatype}`, () => {
      const layout = layoutOf([], flags(values))
      const cell = layout.open()
      const prepared = layout.prepare([
        member(cell, 0, { start: true }),
        undefined,
        member(cell, 0),
        member(cell, 0, { end: true }),
        member(cell, 0, { start: true, end: true })
      ])
      for (
        const [name, expected] of [["START", [1, 0, 0, 0, 1]], ["END", [0, 0, 0, 1, 1]], ["READY", [
          1,
          0,
          1,
          1,
          1
        ]]] as const
      ) {
        const control = named(prepared, name)
        assert.strictEqual(control.datatype, datatype)
        assert.deepStrictEqual([...control.shape], [5, 1])
        assert.deepStrictEqual(read(control.data), [...expected])
      }
      prepared.release()
    })
  }

  it("have the values of the config", () => {
    const layout = layoutOf([], flags({ int32_false_true: [7, -3] }))
    const prepared = layout.prepare([member(layout.open(), 0, { start: true })])
    assert.deepStrictEqual([...new Int32Array(named(prepared, "START").data.slice().buffer)], [-3])
    assert.deepStrictEqual([...new Int32Array(named(prepared, "END").data.slice().buffer)], [7])
    prepared.release()
  })

  it("are made once where all rows are alike", () => {
    const layout = layoutOf([], flags({ bool_false_true: [false, true] }))
    const cell = layout.open()
    const prepared = () => layout.prepare([member(cell, 0), member(cell, 0)])
    assert.strictEqual(named(prepared(), "READY"), named(prepared(), "READY"))
    assert.strictEqual(named(prepared(), "START"), named(prepared(), "START"))
  })

  it("have one dimension in a model without batches", () => {
    const layout = layoutOf([], { ...flags({ int32_false_true: [0, 1] }), max_batch_size: 0 })
    const prepared = layout.prepare([{ ...member(layout.open(), 0), job: stepJob(1n, [floats("INPUT", [1], [1])]) }])
    assert.deepStrictEqual([...named(prepared, "READY").shape], [1])
  })

  const id = 0xfedc_ba98_7654_3210n
  const written = [
    ["TYPE_UINT64", [0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe]],
    ["TYPE_INT64", [0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe]],
    ["TYPE_UINT32", [0x10, 0x32, 0x54, 0x76]],
    ["TYPE_INT32", [0x10, 0x32, 0x54, 0x76]]
  ] as const
  for (const [type, bytes] of written) {
    it(`say whose a row is, as ${type}: the low bytes of the number, 0 for nobody's`, () => {
      const layout = layoutOf([], ids(type))
      const cell = layout.open()
      const prepared = layout.prepare([member(cell, 0, { id }), undefined, member(cell, 0, { id: 1n })])
      const zeros = bytes.map(() => 0)
      assert.deepStrictEqual([...named(prepared, "ID").data], [...bytes, ...zeros, ...zeros.with(0, 1)])
      assert.strictEqual(named(prepared, "ID").datatype, type.slice(5))
      prepared.release()
    })
  }

  it("say whose a row is as a string, empty for nobody's", () => {
    const layout = layoutOf([], ids("TYPE_STRING"))
    const cell = layout.open()
    const prepared = layout.prepare([member(cell, 0, { id: "größe" }), undefined, member(cell, 0, { id: "b" })])
    assert.deepStrictEqual(BytesElements.texts(named(prepared, "ID").data), ["größe", "", "b"])
    prepared.release()
  })

  it("70 id type mismatch: refuse the other kind of id", () => {
    const step = (id: bigint | string) => stepJob(id, [floats("INPUT", [1, 1], [0])])
    assert.strictEqual(
      layoutOf([], ids("TYPE_UINT64")).problemOf(step("1"))?.message,
      "[request id: r] sequence batching control 'ID' data-type is 'BYTES', but model 'm' expects 'UINT64'"
    )
    assert.strictEqual(
      layoutOf([], ids("TYPE_STRING")).problemOf(step(1n))?.message,
      "[request id: r] sequence batching control 'ID' data-type is 'UINT64', but model 'm' expects 'BYTES'"
    )
    assert.isUndefined(layoutOf([], ids("TYPE_INT32")).problemOf(step(1n)))
    assert.isUndefined(layoutOf([]).problemOf(step("1")))
  })
})
