/** A trace file in a folder of its own, and requests that are noted in it. */
import { Effect, Exit, Logger, Scope } from "effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as TraceFile from "../../../src/layers/telemetry/tracefile/TraceFile.ts"
import * as TraceSampling from "../../../src/layers/telemetry/TraceSampling.ts"
import type { BatchRun, RequestTrace } from "../../../src/schema/RequestTrace.ts"
import type { TraceSetting } from "../../../src/schema/TraceSetting.ts"
import { type Arrival, offSetting } from "../../../src/services/Tracing.ts"
import * as ProgramLogger from "../../ProgramLogger.ts"

/** One object of a trace file. */
export interface Entry {
  readonly id: number
  readonly model_name?: string
  readonly parent_id?: number
  readonly request_id?: string
  readonly timestamps?: ReadonlyArray<{ readonly name: string; readonly ns: number }>
  readonly activity?: string
  readonly tensor?: Readonly<Record<"name" | "data" | "shape" | "dtype", string>>
}

export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "galatea-traces-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

export const read = (path: string): ReadonlyArray<Entry> => JSON.parse(readFileSync(path, "utf8"))

export const ids = (entries: ReadonlyArray<Entry>): ReadonlyArray<number> => [...new Set(entries.map(({ id }) => id))]

/** Names of what was noted under an id, in order. */
export const activities = (entries: ReadonlyArray<Entry>, id: number): ReadonlyArray<string> =>
  entries.filter((entry) => entry.id === id).map(({ activity, tensor, timestamps }) =>
    timestamps !== undefined
      ? timestamps.map(({ name }) => name).join()
      : tensor === undefined
      ? "-"
      : `${activity} ${tensor.name}`
  )

export const arrival: Arrival = {
  protocol: "http",
  model: "m",
  version: "",
  atNanos: 0,
  context: undefined,
  source: { facts: () => ({ name: "infer", attributes: [] }) }
}

export const run = (begunAtNanos: number): BatchRun => ({
  model: "m",
  version: 1,
  instance: "m_0",
  rows: 1,
  requests: 1,
  begunAtNanos,
  endedAtNanos: begunAtNanos + 50,
  computeInputNanos: 10,
  computeInferNanos: 20,
  computeOutputNanos: 5,
  observer: undefined
})

/** Lets a model have a request, from its queue to its end. */
export const answer = (trace: RequestTrace, requestId = ""): void => {
  const model = trace.model({ model: "m", version: 1, requestId, sequenceId: undefined })
  model.queued(1)
  model.ran(run(100))
  model.ended()
  trace.ended({ status: 200 })
}

/** A trace file under `path` in a folder of its own; what it logs; `end` closes it. */
export const start = Effect.fnUntraced(function*(
  setting: Partial<TraceSetting>,
  options: Partial<TraceFile.Options> = {}
) {
  const directory = yield* folder
  const path = options.path ?? join(directory, "trace.json")
  const log: Array<string> = []
  const logger = ProgramLogger.make(({ message }) => {
    log.push(String(message))
  })
  const logged = Effect.provideService(Logger.CurrentLoggers, new Set([logger]))
  const scope = yield* Scope.make()
  const { flush, open } = yield* TraceFile.make({ maxPending: 1_000_000, ...options, path }).pipe(
    Scope.provide(scope),
    logged
  )
  const sampling = TraceSampling.make({
    setting: { ...offSetting, level: ["TIMESTAMPS"], rate: 1, file: path, ...setting },
    open,
    onSetting: () => {},
    maxModels: 10
  })
  return {
    sampling,
    directory,
    path,
    log,
    /** A request that is traced. */
    begin: () => sampling.begin(arrival)!,
    /** So many requests that are answered, traced or not. */
    send: (count: number, model = "m") => {
      for (let i = 0; i < count; i++) {
        const trace = sampling.begin({ ...arrival, model })
        if (trace !== undefined) answer(trace)
      }
    },
    /** All was written that does not wait for further traces. */
    settled: logged(flush),
    files: () => readdirSync(directory).toSorted(),
    end: Effect.suspend(() => {
      sampling.close()
      return Scope.close(scope, Exit.void)
    }).pipe(logged)
  }
})
