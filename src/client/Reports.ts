/** What a server tells about itself and its models, in the form of the HTTP protocol. */

/** A count and the time it took together. Beyond 2^53 nanoseconds the sum is rounded. @category models */
export interface Phase {
  readonly count: number
  readonly ns: number
}

/** Executions of one batch size. @category models */
export interface BatchStatistics {
  readonly batch_size: number
  readonly compute_input: Phase
  readonly compute_infer: Phase
  readonly compute_output: Phase
}

/** What was counted of one version of a model since it was loaded. Source: Triton's statistics extension. @category models */
export interface VersionStatistics {
  readonly name: string
  readonly version: string
  /** Milliseconds since 1970; 0: never. */
  readonly last_inference: number
  readonly inference_count: number
  readonly execution_count: number
  readonly inference_stats: {
    readonly success: Phase
    readonly fail: Phase
    readonly queue: Phase
    readonly compute_input: Phase
    readonly compute_infer: Phase
    readonly compute_output: Phase
    readonly cache_hit: Phase
    readonly cache_miss: Phase
  }
  readonly batch_stats: ReadonlyArray<BatchStatistics>
}

/** A model or one of its versions. `version` and `state` are absent where it was never loaded. @category models */
export interface IndexEntry {
  readonly name: string
  readonly version?: string
  readonly state?: "UNKNOWN" | "READY" | "UNAVAILABLE" | "LOADING" | "UNLOADING"
  /** Why it is not ready. */
  readonly reason?: string
}

/** An input or output of a configuration. @category models */
export interface TensorConfigJson {
  readonly name: string
  readonly data_type: string
  readonly dims: ReadonlyArray<number | string>
  /** The input may be left out. */
  readonly optional?: boolean
  readonly [field: string]: unknown
}

/** A model configuration as JSON, with the names of Triton's `ModelConfig`; what is used here by name, the rest as it is. @category models */
export interface ModelConfigJson {
  readonly name?: string
  readonly max_batch_size?: number
  readonly input?: ReadonlyArray<TensorConfigJson>
  readonly output?: ReadonlyArray<TensorConfigJson>
  readonly [field: string]: unknown
}
