import { assert, describe, it } from "@effect/vitest"
import * as TraceContext from "../../src/schema/TraceContext.ts"
import { keptBytes, longLength } from "../suites/keptMemory.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"
const valid = `00-${traceId}-${spanId}-01`

describe("TraceContext", () => {
  it("reads the ids and whether the span is sampled", () => {
    assert.deepStrictEqual(TraceContext.parse(valid, undefined), { traceId, spanId, sampled: true })
    assert.deepStrictEqual(TraceContext.parse(`00-${traceId}-${spanId}-00`, undefined), {
      traceId,
      spanId,
      sampled: false
    })
  })

  it("takes only the lowest bit of the flags for sampled", () => {
    assert.isFalse(TraceContext.parse(`00-${traceId}-${spanId}-fe`, undefined)?.sampled)
    assert.isTrue(TraceContext.parse(`00-${traceId}-${spanId}-03`, undefined)?.sampled)
  })

  it("keeps nothing of long headers but the ids and the entries", () => {
    const member = `name=${"v".repeat(40)}`
    const bytes = keptBytes((text) => {
      const context = TraceContext.parse(`01-${traceId}-${spanId}-01-${text}`, `${member},${" ".repeat(longLength)}`)
      assert.deepStrictEqual(context, { traceId, spanId, sampled: true, traceState: member })
      return context
    })
    // Regular expressions keep the last text that they were tried on.
    assert.isBelow(bytes, 2 * longLength)
  })

  it("writes what it reads", () => {
    const context = TraceContext.parse(valid, undefined)
    assert.isDefined(context)
    assert.strictEqual(TraceContext.traceparent(context), valid)
    assert.strictEqual(TraceContext.traceparent({ traceId, spanId, sampled: false }), `00-${traceId}-${spanId}-00`)
  })

  it("reads versions to come, whatever they say behind the flags", () => {
    const known = { traceId, spanId, sampled: true }
    assert.deepStrictEqual(TraceContext.parse(`01-${traceId}-${spanId}-01`, undefined), known)
    assert.deepStrictEqual(TraceContext.parse(`cc-${traceId}-${spanId}-01-what-else.`, undefined), known)
    assert.deepStrictEqual(TraceContext.parse(`fe-${traceId}-${spanId}-01-`, undefined), known)
  })

  const malformed: ReadonlyArray<readonly [why: string, traceparent: string | undefined]> = [
    ["nothing", undefined],
    ["an empty header", ""],
    ["version ff", `ff-${traceId}-${spanId}-01`],
    ["a version in upper case", `0A-${traceId}-${spanId}-01`],
    ["a version of one digit", `0-${traceId}-${spanId}-01`],
    ["a trace id of zeros", `00-${"0".repeat(32)}-${spanId}-01`],
    ["a span id of zeros", `00-${traceId}-${"0".repeat(16)}-01`],
    ["ids in upper case", `00-${traceId.toUpperCase()}-${spanId}-01`],
    ["a short trace id", `00-${traceId.slice(1)}-${spanId}-01`],
    ["a long trace id", `00-0${traceId}-${spanId}-01`],
    ["a short span id", `00-${traceId}-${spanId.slice(1)}-01`],
    ["flags that are no hexadecimal digits", `00-${traceId}-${spanId}-0x`],
    ["flags of one digit", `00-${traceId}-${spanId}-1`],
    ["flags of three digits", `00-${traceId}-${spanId}-010`],
    ["more behind version 00", `00-${traceId}-${spanId}-01-more`],
    ["a dash behind version 00", `00-${traceId}-${spanId}-01-`],
    ["more behind a later version without a dash", `cc-${traceId}-${spanId}-01.more`],
    ["other separators", `00_${traceId}_${spanId}_01`],
    ["a line break behind it", `${valid}\n`],
    ["a space in front of it", ` ${valid}`],
    ["the header twice", `${valid}, ${valid}`],
    ["the header of a later version twice", `cc${valid.slice(2)}, cc${valid.slice(2)}`]
  ]
  for (const [why, traceparent] of malformed) {
    it(`ignores ${why}`, () => {
      assert.isUndefined(TraceContext.parse(traceparent, "vendor=1"))
    })
  }

  it("takes ids one by one, under the same rules", () => {
    assert.deepStrictEqual(TraceContext.fromParts(traceId, spanId, true, "a=1"), {
      traceId,
      spanId,
      sampled: true,
      traceState: "a=1"
    })
    assert.isUndefined(TraceContext.fromParts("noop", spanId, true, undefined))
    assert.isUndefined(TraceContext.fromParts(traceId, "noop", true, undefined))
    assert.isUndefined(TraceContext.fromParts("0".repeat(32), spanId, true, undefined))
  })

  describe("tracestate", () => {
    const good: ReadonlyArray<readonly [why: string, sent: string, kept: string]> = [
      ["one entry", "congo=t61rcWkgMzE", "congo=t61rcWkgMzE"],
      ["several, in their order", "rojo=00f067aa0ba902b7,congo=t61", "rojo=00f067aa0ba902b7,congo=t61"],
      ["spaces and tabs around entries, which go", "a=1 ,\t b=2", "a=1,b=2"],
      ["empty entries, which go", ",a=1,, ,b=2,", "a=1,b=2"],
      ["a tenant", "0tenant_-*/@vendor=x", "0tenant_-*/@vendor=x"],
      ["the longest key", `${"k".repeat(256)}=1`, `${"k".repeat(256)}=1`],
      [
        "the longest tenant and vendor",
        `${"t".repeat(241)}@${"v".repeat(14)}=1`,
        `${"t".repeat(241)}@${"v".repeat(14)}=1`
      ],
      ["the longest value", `k=${"v".repeat(256)}`, `k=${"v".repeat(256)}`],
      ["spaces inside a value", "k=a  b", "k=a  b"],
      [
        "every character that a value may have",
        "k=!\"#$%&'()*+-./09:;<>?@AZ[\\]^_`az{|}~",
        "k=!\"#$%&'()*+-./09:;<>?@AZ[\\]^_`az{|}~"
      ]
    ]
    for (const [why, sent, kept] of good) {
      it(`keeps ${why}`, () => {
        assert.strictEqual(TraceContext.parse(valid, sent)?.traceState, kept)
      })
    }

    const bad: ReadonlyArray<readonly [why: string, sent: string]> = [
      ["nothing", ""],
      ["only separators", " , ,"],
      ["an entry without a value", "a"],
      ["an empty value", "a="],
      ["an empty key", "=1"],
      ["a key in upper case", "Foo=1"],
      ["a key that begins with a digit", "1a=1"],
      ["a key that is too long", `${"k".repeat(257)}=1`],
      ["a tenant that is too long", `${"t".repeat(242)}@v=1`],
      ["a vendor that is too long", `t@${"v".repeat(15)}=1`],
      ["two at signs", "a@b@c=1"],
      ["a value that is too long", `k=${"v".repeat(257)}`],
      ["an equals sign in a value", "a=b=c"],
      ["a control character", "a=\u0001x"],
      ["characters outside of ASCII", "a=\u00e9"],
      ["the same key twice", "a=1,b=2,a=3"],
      ["a space within a key", "a b=1"],
      ["33 entries", Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(",")]
    ]
    for (const [why, sent] of bad) {
      it(`ignores the whole of it with ${why}, but not traceparent`, () => {
        assert.deepStrictEqual(TraceContext.parse(valid, sent), { traceId, spanId, sampled: true })
      })
    }

    it("keeps 32 entries", () => {
      const sent = Array.from({ length: 32 }, (_, i) => `k${i}=1`).join(",")
      assert.strictEqual(TraceContext.parseState(sent), sent)
    })

    it("keeps 512 characters as they are", () => {
      const sent = `a=${"1".repeat(253)},b=${"2".repeat(254)}`
      assert.strictEqual(sent.length, 512)
      assert.strictEqual(TraceContext.parseState(sent), sent)
    })

    it("leaves out long entries first beyond 512 characters, then those at the end", () => {
      const short = Array.from({ length: 6 }, (_, i) => `k${i}=${"v".repeat(90)}`)
      const sent = [short[0], `long=${"x".repeat(200)}`, ...short.slice(1)].join(",")
      assert.strictEqual(TraceContext.parseState(sent), short.slice(0, 5).join(","))
    })
  })
})
