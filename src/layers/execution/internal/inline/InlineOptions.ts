/** How long the main thread may be held up by models, as options say it. */

/** Bounds of what runs on the main thread, in nanoseconds. @category models */
export interface InlineOptions {
  /** Longest run of a full batch with which `auto` has a model there. Default: 50 µs. */
  readonly maxRunNanos?: number
  /** Longest opening of a session there. Default: 20 ms. */
  readonly maxOpenNanos?: number
  /**
   * How long runs may follow each other before everything else gets a turn; also the longest run with which a model that asks for it
   * is there. Default: 1 ms.
   */
  readonly turnNanos?: number
}

/** 50 µs a run, 20 ms to open, 1 ms a turn. @category constants */
export const defaults: Required<InlineOptions> = {
  maxRunNanos: 50_000,
  maxOpenNanos: 20_000_000,
  turnNanos: 1_000_000
}
