/** The metrics of a server as text, of a few figures. */

export interface Figures {
  readonly model?: string
  readonly version?: string
  readonly requests?: number
  readonly failures?: number
  readonly rejections?: number
  readonly rows?: number
  readonly executions?: number
  readonly pending?: number
  /** Requests of up to 1 ms, 10 ms, 100 ms, and of more, each with those before it. */
  readonly durations?: readonly [number, number, number, number]
  /** Further lines. */
  readonly more?: ReadonlyArray<string>
}

const bounds = ["0.001", "0.01", "0.1", "+Inf"]

export const version = (figures: Figures): string => {
  const { model = "simple", version = "1" } = figures
  const labels = `model="${model}",version="${version}"`
  return [
    "# TYPE nv_inference_request_success counter",
    `nv_inference_request_success{${labels}} ${figures.requests ?? 0}`,
    `nv_inference_request_failure{model="${model}",reason="BACKEND",version="${version}"} ${figures.failures ?? 0}`,
    `nv_inference_request_failure{model="${model}",reason="OTHER",version="${version}"} 0`,
    `galatea_rejected_requests_total{model="${model}",reason="queue_full",version="${version}"} ${
      figures.rejections ?? 0
    }`,
    `nv_inference_count{${labels}} ${figures.rows ?? 0}`,
    `nv_inference_exec_count{${labels}} ${figures.executions ?? 0}`,
    `nv_inference_pending_request_count{${labels}} ${figures.pending ?? 0}`,
    ...(figures.durations ?? []).map((count, i) =>
      `galatea_request_duration_seconds_bucket{${labels},le="${bounds[i]}"} ${count}`
    ),
    ...figures.more ?? [],
    ""
  ].join("\n")
}
