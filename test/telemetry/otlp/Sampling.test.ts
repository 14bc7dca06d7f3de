import { assert, describe, it } from "@effect/vitest"
import { ROOT_CONTEXT } from "@opentelemetry/api"
import { SamplingDecision, TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace-base"
import { Tracer } from "effect"
import * as FastCheck from "fast-check"
import { RecordedSpan } from "../../../src/layers/telemetry/internal/otlp/RecordedSpan.ts"
import { RatioSampler, type Sampling } from "../../../src/layers/telemetry/internal/otlp/Sampling.ts"
import * as Recordings from "./Recordings.ts"

const traceIds = FastCheck.stringMatching(/^[0-9a-f]{32}$/).filter((id) => !/^0+$/.test(id))

describe("the share of traces", () => {
  it("is chosen as OpenTelemetry's own sampler chooses it", () => {
    FastCheck.assert(FastCheck.property(traceIds, FastCheck.double({ min: 0, max: 1, noNaN: true }), (id, ratio) => {
      const theirs = new TraceIdRatioBasedSampler(ratio).shouldSample(ROOT_CONTEXT, id).decision
      assert.strictEqual(new RatioSampler(ratio).id(id), theirs === SamplingDecision.RECORD_AND_SAMPLED)
    }))
  })
})

/** A tracer, and the spans that it has made to be exported. */
const setup = (sampling: Sampling, remoteParents = true) => {
  const { decision, tracer } = Recordings.setup({ sampling, remoteParents })
  const made: Array<Tracer.Span> = []
  const span = ({ links = [], ...rest }: {
    readonly parent?: Tracer.AnySpan
    readonly sampled?: boolean
    readonly links?: ReadonlyArray<Tracer.AnySpan>
  } = {}) => {
    const span = tracer.span(
      Recordings.options({ ...rest, links: links.map((span) => ({ span, attributes: {} })) })
    )
    if (span instanceof RecordedSpan) made.push(span)
    return span
  }
  return { decision, made, span }
}

const remote = (sampled: boolean) =>
  Tracer.externalSpan({ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", sampled })

describe("spans", () => {
  it("are made where the sampler says so, and cost nothing more elsewhere", () => {
    const cases: ReadonlyArray<readonly [Sampling, root: boolean, sampledParent: boolean, otherParent: boolean]> = [
      [{ parentBased: true, ratio: 1 }, true, true, false],
      [{ parentBased: true, ratio: 0 }, false, true, false],
      [{ parentBased: false, ratio: 1 }, true, true, true],
      [{ parentBased: false, ratio: 0 }, false, false, false]
    ]
    for (const [sampling, root, sampledParent, otherParent] of cases) {
      for (
        const [parent, expected] of [[undefined, root], [remote(true), sampledParent], [
          remote(false),
          otherParent
        ]] as const
      ) {
        const { made, span } = setup(sampling)
        const one = span(parent === undefined ? {} : { parent })
        const text = JSON.stringify([sampling, parent?.sampled])
        assert.strictEqual(one.sampled, expected, text)
        assert.strictEqual(made.length, expected ? 1 : 0, text)
        if (parent !== undefined) assert.strictEqual(one.traceId, parent.traceId, text)
        // What is below has no decision of its own.
        assert.strictEqual(span({ parent: one }).sampled, expected, text)
      }
    }
  })

  it("are those whose id the sampler chooses, so that everybody who asks the same decides the same", () => {
    const { made, span } = setup({ parentBased: false, ratio: 0.5 })
    const sampler = new RatioSampler(0.5)
    for (let i = 0; i < 200; i++) span()
    assert.isTrue(made.length > 50 && made.length < 150, String(made.length))
    for (const { traceId } of made) assert.isTrue(sampler.id(traceId))
    assert.strictEqual(new Set(made.map(({ traceId }) => traceId)).size, made.length)
  })

  it("are made of what was decided before them", () => {
    const { decision, made, span } = setup({ parentBased: true, ratio: 0.5 })
    let sampled = 0
    for (let i = 0; i < 100; i++) {
      if (!decision.sampled(undefined)) continue
      sampled++
      assert.isTrue(span().sampled)
    }
    assert.strictEqual(made.length, sampled)
    assert.isTrue(sampled > 20 && sampled < 80, String(sampled))
  })

  it("are made by chance: each with the same, whatever became of those before", () => {
    for (const share of [0.5, 0.2, 0.01]) {
      const { decision } = setup({ parentBased: true, ratio: share })
      const traces = 100_000
      let sampled = 0
      let pairs = 0
      let before = false
      for (let i = 0; i < traces; i++) {
        const made = decision.sampled(undefined)
        if (made) {
          assert.isTrue(new RatioSampler(share).id(decision.traceId().toString()))
          sampled++
          if (before) pairs++
        }
        before = made
      }
      // Eight standard deviations.
      const near = (count: number, chance: number) =>
        Math.abs(count - traces * chance) < 8 * Math.sqrt(traces * chance * (1 - chance)) + 1
      assert.isTrue(near(sampled, share), `${sampled} of ${share}`)
      assert.isTrue(near(pairs, share * share), `${pairs} pairs of ${share}`)
    }
  })

  it("are never made of a share that is nothing, and always of all", () => {
    for (const [ratio, expected] of [[0, false], [1e-12, false], [1, true]] as const) {
      const { decision } = setup({ parentBased: true, ratio })
      for (let i = 0; i < 1000; i++) {
        assert.strictEqual(decision.sampled(undefined), expected, `${ratio}`)
        if (expected) decision.traceId()
      }
    }
  })

  it("are made of a batch where one of its requests has one", () => {
    const { span } = setup({ parentBased: true, ratio: 0 })
    assert.isFalse(span({ links: [remote(false)] }).sampled)
    assert.isTrue(span({ links: [remote(false), remote(true)] }).sampled)
  })

  it("are not made where the program does not want them", () => {
    const { made, span } = setup({ parentBased: false, ratio: 1 })
    assert.isFalse(span({ sampled: false }).sampled)
    assert.deepStrictEqual(made, [])
  })

  it("begin traces of their own where those of others do not count", () => {
    const { span } = setup({ parentBased: true, ratio: 1 }, false)
    const one = span({ parent: remote(false) })
    assert.isTrue(one.sampled)
    assert.notStrictEqual(one.traceId, remote(false).traceId)
    assert.strictEqual(span({ parent: one }).traceId, one.traceId)
  })
})
