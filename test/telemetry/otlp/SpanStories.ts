/** What may happen to a span, whoever makes it. */
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { Cause, Context, Exit, Tracer } from "effect"
import * as fc from "fast-check"
import * as Recordings from "./Recordings.ts"

type Attributes = ReadonlyArray<readonly [name: string, value: unknown]>

export interface Story {
  readonly name: string
  readonly kind: Tracer.SpanKind
  readonly parent: Tracer.AnySpan | undefined
  readonly startTime: bigint
  readonly endTime: bigint
  readonly attributes: Attributes
  readonly events: ReadonlyArray<
    { readonly name: string; readonly at: bigint; readonly attributes: Attributes | undefined }
  >
  readonly links: ReadonlyArray<{ readonly span: Tracer.AnySpan; readonly attributes: Attributes }>
  /** So many of the links are there from the start. */
  readonly early: number
  readonly exit: Exit.Exit<unknown, unknown>
}

export const empty: Story = {
  name: "span",
  kind: "internal",
  parent: undefined,
  startTime: 1n,
  endTime: 2n,
  attributes: [],
  events: [],
  links: [],
  early: 0,
  exit: Exit.void
}

const hexadecimal = (length: number) =>
  fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length })
    .map((all) => all.join("")).filter((id) => !/^0+$/.test(id))

const value = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.boolean(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.bigInt(),
  fc.constantFrom(0, -1, 127, 128, 2 ** 32 - 1, 2 ** 32, 2 ** 62, 2 ** 63, -(2 ** 63), NaN, -0),
  fc.array(fc.string()),
  fc.array(fc.integer()),
  fc.array(fc.boolean()),
  fc.constantFrom(null, undefined, { a: 1 }, [1, "mixed"])
)

/** Of few names, so that some come twice; without those that objects lose or put first. */
const attributeName = fc.oneof(fc.constantFrom("a", "b", "c", ""), fc.string())
  .filter((name) => name !== "__proto__" && !/^\d+$/.test(name))

const attributes: fc.Arbitrary<Attributes> = fc.array(
  fc.tuple(attributeName, value),
  { maxLength: 8 }
)

const time = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })

const remote = fc.record({
  traceId: hexadecimal(32),
  spanId: hexadecimal(16),
  traceFlags: fc.constant(1),
  traceState: fc.constantFrom(undefined, "", "a=1,b=2")
}).map((context) => OtelTracer.makeExternalSpan(context))

const linked = fc.record({ traceId: hexadecimal(32), spanId: hexadecimal(16), sampled: fc.boolean() })
  .map((context) => Tracer.externalSpan(context))

const failure = (name: string, message: string) => Exit.fail({ name, message })

export const story: fc.Arbitrary<Story> = fc.record({
  name: fc.string(),
  kind: fc.constantFrom("internal", "server", "client", "producer", "consumer"),
  parent: fc.option(remote, { nil: undefined }),
  startTime: time,
  endTime: time,
  attributes,
  events: fc.array(fc.record({ name: fc.string(), at: time, attributes: fc.option(attributes, { nil: undefined }) }), {
    maxLength: 5
  }),
  links: fc.array(fc.record({ span: linked, attributes }), { maxLength: 5 }),
  early: fc.integer({ min: 0, max: 5 }),
  exit: fc.oneof(
    fc.constant(Exit.void),
    fc.constant(Exit.interrupt()),
    fc.tuple(fc.string(), fc.string()).map(([name, message]) => failure(name, message)),
    fc.constant(Exit.failCause(Cause.fromReasons([Cause.makeFailReason("one"), Cause.makeFailReason("two")])))
  )
})

/** Bounds so narrow that they count. */
export const limits = fc.record({
  attributeValueLengthLimit: fc.constantFrom(1, 20, 8192),
  attributeCountLimit: fc.constantFrom(0, 2, 128),
  eventCountLimit: fc.constantFrom(0, 2, 128),
  linkCountLimit: fc.constantFrom(0, 2, 128),
  attributePerEventCountLimit: fc.constantFrom(0, 2, 128),
  attributePerLinkCountLimit: fc.constantFrom(0, 2, 128)
})

const recordOf = (attributes: Attributes): Record<string, unknown> => Object.fromEntries(attributes)

const linkOf = ({ attributes, span }: Story["links"][number]): Tracer.SpanLink => ({
  span,
  attributes: recordOf(attributes)
})

/** Makes a span with a tracer and lets all of it happen. */
export const tell = (tracer: Tracer.Tracer, story: Story): Tracer.Span => {
  const { early, endTime, exit, kind, name, parent, startTime } = story
  const links = story.links.map(linkOf)
  const span = tracer.span(
    Recordings.options({ name, kind, parent, startTime, annotations: Context.empty(), links: links.slice(0, early) })
  )
  for (const [key, value] of story.attributes) span.attribute(key, value)
  for (const { at, attributes, name } of story.events) {
    span.event(name, at, attributes === undefined ? undefined : recordOf(attributes))
  }
  span.addLinks(links.slice(early))
  span.end(endTime, exit)
  return span
}
