/** Requests that found a version just before another one took its place. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Result } from "effect"
import { TestClock } from "effect/testing"
import * as LocalInferenceServer from "../../src/layers/inference/LocalInferenceServer.ts"
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import { InferenceError, ModelNotReady, Stopping } from "../../src/schema/Errors.ts"
import type { InferenceRequest } from "../../src/schema/Inference.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../src/schema/ModelSignature.ts"
import { InferenceServer } from "../../src/services/InferenceServer.ts"
import { type Lookup, type Model, ModelRepository, type NotResident } from "../../src/services/ModelRepository.ts"
import type { Job, JobFailure, JobResult } from "../../src/services/Scheduler.ts"

const request: InferenceRequest = {
  id: "",
  inputs: [],
  outputs: [],
  parameters: new Map(),
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0,
  sequence: undefined
}

const done: JobResult = {
  outputs: [],
  begunAtNanos: 0,
  queueNanos: 0,
  batchRows: 1,
  computeInputNanos: 0,
  computeInferNanos: 0,
  computeOutputNanos: 0,
  release: () => {}
}

const stopping = Effect.fail(new Stopping({ message: "model 'm' is being unloaded" }))

const model = (
  version: number,
  submit: (job: Job) => Effect.Effect<JobResult, JobFailure>,
  again?: () => Lookup
): Model => ({
  name: "m",
  version,
  config: ModelConfig.make({ name: "m" }),
  signature: ModelSignature.make(ModelConfig.make({ name: "m" })),
  statistics: new Books("m", version, () => 0),
  healthy: () => true,
  scheduler: { submit, depth: () => ({ waiting: 0, running: 0 }) },
  ...(again === undefined ? {} : { again })
})

const absent = (load: NotResident["load"]): Lookup =>
  Result.fail({
    _tag: "NotResident",
    message: "",
    name: "m",
    version: 1,
    load,
    healthy: () => true,
    statistics: () => undefined
  })

const infer = (model: Model, changes: Partial<InferenceRequest> = {}) =>
  Effect.flatMap(InferenceServer, (server) => server.infer(model, { ...request, ...changes })).pipe(
    Effect.provide(LocalInferenceServer.layer({ name: "galatea", version: "1", strictReadiness: true })),
    Effect.provideService(ModelRepository, {
      lookup: () => Result.succeed(model),
      readyVersions: () => [],
      index: Effect.succeed([]),
      allReady: Effect.succeed(true),
      load: () => Effect.void,
      unload: () => Effect.void
    })
  )

describe("A request whose version was replaced", () => {
  it.effect("is answered by the successor", () =>
    Effect.gen(function*() {
      const second = model(2, () => Effect.succeed(done))
      const first = model(1, () => stopping, () => Result.succeed(second))
      assert.strictEqual((yield* infer(first)).modelVersion, "2")
    }))

  it.effect("waits for a successor that has to be loaded", () =>
    Effect.gen(function*() {
      const latch = yield* Latch.make()
      const second = model(2, () => Effect.succeed(done))
      let loaded = false
      const load = Effect.tap(latch.await, () =>
        Effect.sync(() => {
          loaded = true
        }))
      const first = model(1, () => stopping, () => loaded ? Result.succeed(second) : absent(load))
      const fiber = yield* Effect.forkChild(infer(first))
      yield* latch.open
      assert.strictEqual((yield* Fiber.join(fiber)).modelVersion, "2")
    }))

  it.effect("waits no longer than its deadline allows", () =>
    Effect.gen(function*() {
      const first = model(1, () => stopping, () => absent(Effect.never))
      const fiber = yield* Effect.forkChild(Effect.flip(infer(first, { deadlineMicros: 5000 })))
      yield* TestClock.adjust("6 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "DeadlineExceeded")
    }))

  it.effect.each<readonly [string, (self: () => Model) => Lookup, string]>([
    ["nobody has taken its place", (self) => Result.succeed(self()), "Stopping"],
    [
      "the successor cannot be loaded",
      () => absent(Effect.fail(new ModelNotReady({ message: "no" }))),
      "ModelNotReady"
    ],
    ["all successors are replaced as well", () => Result.succeed(replacedForever()), "Stopping"]
  ])("fails where %s", ([, again, reason]) =>
    Effect.gen(function*() {
      const first: Model = model(1, () => stopping, () => again(() => first))
      const failure = yield* Effect.flip(infer(first))
      assert.instanceOf(failure, InferenceError)
      assert.strictEqual(failure.reason._tag, reason)
    }))
})

const replacedForever = (): Model => model(1, () => stopping, () => Result.succeed(replacedForever()))
