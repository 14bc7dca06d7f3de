/** Answers of a server about a model, in the form of Triton's routes, and what is read from them. */
import { assert } from "@effect/vitest"
import { Result } from "effect"
import { facts } from "../../../../src/layers/cli/internal/explain/Facts.ts"
import * as Reading from "../../../../src/layers/cli/internal/explain/Reading.ts"

/** A model's traffic in round figures: every request of a batch has the same rows and waits equally long. */
export interface Traffic {
  readonly version?: string
  /** Executions by rows of their batch. */
  readonly batches: Readonly<Record<number, number>>
  readonly rowsPerRequest?: number
  readonly queueMicros?: number
  readonly computeMicros?: number
  readonly failures?: number
}

const phase = (count: number, ns: number) => ({ count, ns })

/** An entry of `model_stats`. */
export const entry = (traffic: Traffic) => {
  const { batches, computeMicros = 1000, failures = 0, queueMicros = 0, rowsPerRequest = 1, version = "1" } = traffic
  const sizes = Object.entries(batches).map(([rows, executions]) => ({ rows: Number(rows), executions }))
  const rows = sizes.reduce((sum, batch) => sum + batch.rows * batch.executions, 0)
  const requests = rows / rowsPerRequest
  const compute = (count: number) => ({
    compute_input: phase(count, count * computeMicros * 100),
    compute_infer: phase(count, count * computeMicros * 800),
    compute_output: phase(count, count * computeMicros * 100)
  })
  return {
    name: "m",
    version,
    last_inference: 1700000000000,
    inference_count: rows,
    execution_count: sizes.reduce((sum, { executions }) => sum + executions, 0),
    inference_stats: {
      success: phase(requests, requests * (queueMicros + computeMicros) * 1000),
      fail: phase(failures, failures * 1000),
      queue: phase(requests, requests * queueMicros * 1000),
      ...compute(requests),
      cache_hit: phase(0, 0),
      cache_miss: phase(0, 0)
    },
    response_stats: {},
    batch_stats: sizes.map((batch) => ({ batch_size: batch.rows, ...compute(batch.executions) })),
    memory_usage: []
  }
}

export interface Dynamic {
  readonly preferred_batch_size?: ReadonlyArray<number>
  readonly max_queue_delay_microseconds?: number
  readonly preserve_ordering?: boolean
}

/** The configuration of a model with dynamic batching, unless `dynamic` is `undefined`. */
export const config = (
  options: {
    readonly maxBatchSize?: number
    readonly dynamic?: Dynamic | undefined
    readonly instances?: number
    readonly more?: Readonly<Record<string, unknown>>
  } = {}
) => ({
  name: "m",
  platform: "onnxruntime_onnx",
  max_batch_size: options.maxBatchSize ?? 8,
  ...("dynamic" in options && options.dynamic === undefined
    ? {}
    : {
      dynamic_batching: {
        preferred_batch_size: [],
        max_queue_delay_microseconds: 0,
        preserve_ordering: false,
        priority_levels: 0,
        ...options.dynamic
      }
    }),
  instance_group: [{ name: "m", kind: "KIND_CPU", count: options.instances ?? 1, gpus: [] }],
  ...options.more
})

const success = <A>(result: Result.Result<A, string>): A =>
  Result.isSuccess(result) ? result.success : assert.fail(result.failure)

export const settings = (...options: Parameters<typeof config>): Reading.Settings =>
  success(Reading.settings(JSON.parse(JSON.stringify(config(...options)))))

export const counts = (traffic: Traffic): Reading.Counts =>
  success(Reading.counts(JSON.parse(JSON.stringify({ model_stats: [entry(traffic)] }))))[0]!

export const factsOf = (
  options: Parameters<typeof config>[0],
  traffic: Traffic,
  seconds?: number
) => facts(settings(options), counts(traffic), seconds)
