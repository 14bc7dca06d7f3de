/** Spans of requests of the program that has the server inside, by real models. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Fiber, Tracer } from "effect"
import * as Tensors from "../../../src/schema/Tensor.ts"
import { Tracing } from "../../../src/services/Tracing.ts"
import { attributesOf, endingOf, linksOf, make, parentOf, timesOf } from "../../telemetry/spans/Recorded.ts"
import { eventually } from "../http/Wire.ts"
import { ensembleRows, rows, start } from "./Traced.ts"

/** It lies within the other one. */
const isWithin = (inner: Tracer.Span, outer: Tracer.Span) => {
  const [begin, end] = timesOf(inner)
  const [from, to] = timesOf(outer)
  return begin >= from && end !== undefined && to !== undefined && end <= to && begin <= end
}

describe("a request in this process", () => {
  it.live("has a span, a queue below it, and a batch that it is linked to and that is linked to it", () =>
    Effect.gen(function*() {
      const { ask, one, spans } = yield* start(["direct"])
      const before = yield* Clock.currentTimeNanos
      yield* ask({ model: "direct", id: "a1" })
      assert.deepStrictEqual(spans.map(({ kind, name }) => [name, kind]), [
        ["infer", "internal"],
        ["batch.execute", "internal"],
        ["queue", "internal"]
      ])
      const [request, batch, queue] = [one("infer"), one("batch.execute"), one("queue")]
      assert.deepStrictEqual([parentOf(request), parentOf(batch), parentOf(queue)], [
        undefined,
        undefined,
        request.spanId
      ])
      assert.notStrictEqual(batch.traceId, request.traceId)
      assert.deepStrictEqual([linksOf(batch), linksOf(request), linksOf(queue)], [
        [request.spanId],
        [batch.spanId],
        [batch.spanId]
      ])
      const { "galatea.batch.rows": rows, "galatea.model.name": model, ...rest } = attributesOf(request)
      assert.deepStrictEqual([rows, model, rest], [1, "direct", {
        "galatea.model.version": 1,
        "galatea.request.id": "a1"
      }])
      const compute: Record<string, unknown> = { ...attributesOf(batch) }
      for (const phase of ["input", "infer", "output"]) {
        const nanos = compute[`galatea.compute.${phase}_nanos`]
        assert.isTrue(Number.isInteger(nanos) && Number(nanos) > 0, phase)
        delete compute[`galatea.compute.${phase}_nanos`]
      }
      assert.deepStrictEqual(compute, {
        "galatea.model.name": "direct",
        "galatea.model.version": 1,
        "galatea.instance": "direct_0_0",
        "galatea.batch.rows": 1,
        "galatea.batch.requests": 1
      })
      assert.isTrue(isWithin(queue, request))
      assert.isTrue(isWithin(batch, request))
      assert.strictEqual(timesOf(queue)[1], timesOf(batch)[0])
      // By the time of day, to the second.
      assert.isBelow(Math.abs(Number(timesOf(request)[0] - before)), 1e9)
    }))

  it.live("is a child of the span that its program works for", () =>
    Effect.gen(function*() {
      const { ask, one, tracer } = yield* start(["direct"])
      yield* ask({ model: "direct" }).pipe(Effect.withSpan("outside"), Effect.withTracer(tracer))
      assert.strictEqual(parentOf(one("infer")), one("outside").spanId)
      assert.strictEqual(one("infer").traceId, one("outside").traceId)
    }))

  it.live("shares a batch with others: each is linked to it, and it to each", () =>
    Effect.gen(function*() {
      const { ask, named, one } = yield* start(["pairs"])
      yield* Effect.all([ask({ model: "pairs", id: "1" }), ask({ model: "pairs", id: "2" })], {
        concurrency: "unbounded"
      })
      const batch = one("batch.execute")
      const requests = named("infer")
      assert.strictEqual(requests.length, 2)
      assert.sameMembers([...linksOf(batch)], requests.map(({ spanId }) => spanId))
      for (const request of requests) assert.deepStrictEqual(linksOf(request), [batch.spanId])
      for (const queue of named("queue")) assert.deepStrictEqual(linksOf(queue), [batch.spanId])
      assert.sameMembers(named("queue").map(parentOf), requests.map(({ spanId }) => spanId))
      assert.deepInclude(attributesOf(batch), { "galatea.batch.rows": 2, "galatea.batch.requests": 2 })
    }))

  it.live("that goes away while it waits leaves the queue and its own span interrupted, without a batch", () =>
    Effect.gen(function*() {
      const { ask, named, one, server } = yield* start(["waiting"])
      const model = yield* Effect.fromResult(server.model("waiting", ""))
      const fiber = yield* Effect.forkChild(ask({ model: "waiting" }))
      yield* eventually(() => model.scheduler.depth().waiting, (waiting) => waiting === 1)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(named("batch.execute"), [])
      assert.strictEqual(endingOf(one("queue")), "interrupted")
      assert.strictEqual(endingOf(one("infer")), "interrupted")
      assert.isTrue(isWithin(one("queue"), one("infer")))
    }))

  it.live("whose deadline passes in the queue says so in both spans", () =>
    Effect.gen(function*() {
      const { ask, one } = yield* start(["waiting"])
      const failure = yield* Effect.flip(ask({ model: "waiting", deadlineMicros: 20_000 }))
      for (const span of [one("queue"), one("infer")]) {
        assert.deepStrictEqual(endingOf(span), { name: "DeadlineExceeded", message: failure.message })
      }
      assert.deepInclude(attributesOf(one("infer")), {
        "error.type": "DeadlineExceeded",
        "galatea.failure.type": "DeadlineExceeded",
        "galatea.failure.message": failure.message
      })
    }))

  it.live("that is wrong, or for a model that is not there, has a span that is no error of the server", () =>
    Effect.gen(function*() {
      const { ask, named } = yield* start(["direct"])
      yield* Effect.flip(ask({ model: "nowhere" }))
      yield* Effect.flip(ask({ model: "direct" }, []))
      assert.deepStrictEqual(named("infer").map(endingOf), ["ok", "ok"])
      assert.deepStrictEqual(
        named("infer").map((span) => {
          const all = attributesOf(span)
          return [all["galatea.model.name"], all["galatea.failure.type"], all["error.type"]]
        }),
        [["nowhere", "ModelNotFound", undefined], ["direct", "InvalidRequest", undefined]]
      )
    }))

  it.live("of the cache says whether it was a hit", () =>
    Effect.gen(function*() {
      const { ask, named } = yield* start(["cached"])
      yield* ask({ model: "cached" })
      yield* ask({ model: "cached" })
      assert.deepStrictEqual(
        named("infer").map((span) => attributesOf(span)["galatea.cache"]),
        ["miss", "hit"]
      )
      assert.strictEqual(named("batch.execute").length, 1)
      assert.strictEqual(named("queue").length, 1)
    }))

  it.live("of a sequence says its id", () =>
    Effect.gen(function*() {
      const { ask, named } = yield* start(["accumulate"])
      const step = (id: bigint, start: boolean) =>
        ask({ model: "accumulate", sequence: { id, start, end: !start } }, [
          Tensors.from("INPUT", [1, 1], Int32Array.of(1))
        ])
      for (const id of [18446744073709551615n, 7n]) {
        yield* step(id, true)
        yield* step(id, false)
      }
      assert.deepStrictEqual(
        named("infer").map((span) => attributesOf(span)["galatea.sequence.id"]),
        ["18446744073709551615", "18446744073709551615", "7", "7"]
      )
      const batches = named("batch.execute")
      assert.deepStrictEqual(batches.map(linksOf), named("infer").map(({ spanId }) => [spanId]))
      assert.deepStrictEqual(named("infer").map(linksOf), batches.map(({ spanId }) => [spanId]))
    }))

  it.live("of more rows than its model takes has a span for each part", () =>
    Effect.gen(function*() {
      const { ask, named, one } = yield* start(["direct"], { splitOversizedBatches: true })
      yield* ask({ model: "direct" }, rows(10))
      const parts = named("step")
      assert.deepStrictEqual(parts.map((part) => attributesOf(part)["galatea.batch.rows"]), [4, 4, 2])
      for (const part of parts) {
        assert.strictEqual(parentOf(part), one("infer").spanId)
        assert.strictEqual(endingOf(part), "ok")
      }
      assert.sameMembers(named("batch.execute").flatMap(linksOf), parts.map(({ spanId }) => spanId))
      assert.deepStrictEqual(linksOf(one("infer")), [])
    }))
})

describe("a request to an ensemble", () => {
  it.live("has a span for each step, with its queue and its batch", () =>
    Effect.gen(function*() {
      const { ask, named, one } = yield* start(["chain"])
      yield* ask({ model: "chain", id: "e" }, ensembleRows)
      const steps = named("step")
      assert.strictEqual(steps.length, 2)
      for (const [i, step] of steps.entries()) {
        assert.strictEqual(parentOf(step), one("infer").spanId)
        assert.deepInclude(attributesOf(step), { "galatea.model.name": "direct", "galatea.request.id": "e" })
        assert.strictEqual(parentOf(named("queue")[i]!), step.spanId)
        assert.deepStrictEqual(linksOf(named("batch.execute")[i]!), [step.spanId])
        assert.isTrue(isWithin(step, one("infer")))
      }
      assert.strictEqual(named("queue").length, 2)
      assert.deepInclude(attributesOf(one("infer")), { "galatea.model.name": "chain", "galatea.model.version": 1 })
    }))

  it.live("within an ensemble shows one below the other", () =>
    Effect.gen(function*() {
      const { ask, named, one } = yield* start(["outer"])
      yield* ask({ model: "outer" }, ensembleRows)
      const [chain, ...direct] = named("step")
      assert.deepStrictEqual([parentOf(chain!), ...direct.map(parentOf)], [
        one("infer").spanId,
        chain!.spanId,
        chain!.spanId
      ])
      assert.strictEqual(attributesOf(chain!)["galatea.model.name"], "chain")
    }))

  it.live("tells which step was left out", () =>
    Effect.gen(function*() {
      const { ask, named, one } = yield* start(["choosing"])
      const [input] = ensembleRows
      yield* ask({ model: "choosing" }, [input!, Tensors.fromBooleans("MORE", [1], [false])])
      assert.strictEqual(named("step").length, 1)
      assert.deepStrictEqual(one("infer").events.map(([name, , attributes]) => [name, attributes]), [
        ["step.left_out", { "galatea.model.name": "direct", "galatea.ensemble.step": 1 }]
      ])
    }))
})

describe("what is not sampled", () => {
  it.live("leaves no span of any kind, and the answer is the same", () =>
    Effect.gen(function*() {
      const { ask, spans } = yield* start(["chain"], {}, make((name) => name !== "infer"))
      assert.deepStrictEqual(yield* ask({ model: "direct" }), [
        { name: "OUTPUT0", bytes: 64 },
        { name: "OUTPUT1", bytes: 64 }
      ])
      yield* ask({ model: "chain" }, ensembleRows)
      yield* Effect.flip(ask({ model: "nowhere" }))
      assert.deepStrictEqual(spans, [])
    }))

  it.live("shares a batch with what is: only that is linked", () =>
    Effect.gen(function*() {
      let requests = 0
      const { ask, named, one } = yield* start(["pairs"], {}, make((name) => name !== "infer" || requests++ === 1))
      yield* Effect.all([ask({ model: "pairs" }), ask({ model: "pairs" })], { concurrency: "unbounded" })
      assert.deepStrictEqual(linksOf(one("batch.execute")), [one("infer").spanId])
      assert.deepInclude(attributesOf(one("batch.execute")), { "galatea.batch.requests": 2 })
      assert.strictEqual(named("queue").length, 1)
    }))

  it.live("is nothing where the program has no tracer", () =>
    Effect.gen(function*() {
      const { ask, context } = yield* start(["direct"], {}, { ...make(), tracer: Tracer.nativeTracer })
      assert.isFalse(Context.get(context, Tracing).active())
      assert.strictEqual((yield* ask({ model: "direct" })).length, 2)
    }))
})
