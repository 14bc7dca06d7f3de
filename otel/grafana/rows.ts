/** What the dashboard asks, row by row. Tests put every question to a real Prometheus that has scraped a busy server. */
import type { Panel, Query, Row, Unit } from "./Panel.ts"

/** Of the servers that are chosen, and of the versions that are. */
const servers = `job=~"$job", instance=~"$instance"`
const versions = `${servers}, model=~"$model", version=~"$version"`
const of = "by (model, version)"
const named = "{{model}} {{version}}"

const rate = (metric: string, more = "") => `rate(${metric}{${versions}${more}}[$__rate_interval])`
const perVersion = (metric: string) => `sum ${of} (${rate(metric)})`
const quantile = (share: number, metric: string, by = "by (le)") =>
  `histogram_quantile(${share}, sum ${by} (${rate(`${metric}_bucket`)}))`
const mean = (metric: string) => `sum(${rate(`${metric}_sum`)}) / (sum(${rate(`${metric}_count`)}) > 0)`
const failed = `sum(${rate("nv_inference_request_failure", `, reason!="CANCELED"`)})`
const answered = `sum(${rate("nv_inference_request_success")})`

const phases = ["queue", "compute_input", "compute_infer", "compute_output"] as const

const graph = (
  title: string,
  unit: Unit,
  description: string,
  queries: ReadonlyArray<readonly [expr: string, legend: string]>,
  more: Partial<Panel> = {}
): Panel => ({
  title,
  unit,
  description,
  kind: "timeseries",
  width: 8,
  queries: queries.map(([expr, legend]): Query => ({ expr, legend })),
  ...more
})

const stat = (title: string, unit: Unit, description: string, expr: string): Panel =>
  graph(title, unit, description, [[expr, ""]], { kind: "stat", width: 4 })

/** @category constants */
export const rows: ReadonlyArray<Row> = [
  {
    title: "At a glance",
    panels: [
      stat("Requests", "reqps", "Requests that were answered, a second.", answered),
      stat(
        "Failures",
        "percentunit",
        "Of the requests that ended, those that failed. What clients gave up themselves is left out.",
        `${failed} / (${answered} + ${failed} > 0)`
      ),
      stat(
        "p99",
        "s",
        "One request in a hundred takes longer, from its arrival to its answer.",
        quantile(0.99, "galatea_request_duration_seconds")
      ),
      stat("Waiting", "short", "Requests that have not begun.", `sum(galatea_pending_requests{${versions}})`),
      stat("Running", "short", "Instances that run something.", `sum(galatea_executing_instances{${versions}})`),
      stat("Servers", "short", "Servers that were scraped.", `count(process_start_time_seconds{${servers}})`)
    ]
  },
  {
    title: "Throughput",
    panels: [
      graph("Requests", "reqps", "Answered, by version.", [[perVersion("nv_inference_request_success"), named]]),
      graph("Rows", "ops", "Rows that the models computed; answers of the cache are not among them.", [
        [perVersion("nv_inference_count"), named]
      ]),
      graph("Executions", "ops", "Runs of the models. Far fewer than requests where batches are formed.", [
        [perVersion("nv_inference_exec_count"), named]
      ])
    ]
  },
  {
    title: "Latency",
    panels: [
      graph(
        "Request",
        "s",
        "From the arrival to the answer. Points are single requests: they lead to their traces.",
        [0.5, 0.9, 0.99].map((share) => [quantile(share, "galatea_request_duration_seconds"), `p${share * 100}`]),
        { exemplars: true }
      ),
      graph(
        "Where the mean goes",
        "s",
        "Mean time of each phase, on top of each other.",
        phases.map((phase) => [mean(`galatea_${phase}_duration_seconds`), phase]),
        { stacked: true }
      ),
      graph(
        "p99 of each phase",
        "s",
        "They do not add up to the p99 of the request: different requests are slow in different phases.",
        phases.map((phase) => [quantile(0.99, `galatea_${phase}_duration_seconds`), phase])
      ),
      graph("p99 by version", "s", "Which model is slow.", [
        [quantile(0.99, "galatea_request_duration_seconds", "by (model, version, le)"), named]
      ], { width: 12 }),
      graph(
        "Spread of requests",
        "s",
        "How many requests took how long.",
        [[`sum by (le) (${rate("galatea_request_duration_seconds_bucket")})`, "{{le}}"]],
        { kind: "heatmap", width: 12 }
      )
    ]
  },
  {
    title: "Batches",
    panels: [
      graph("Mean batch", "short", "Rows of an execution. 1: nothing is batched.", [
        [
          `${perVersion("galatea_batch_size_sum")} / (${perVersion("galatea_batch_size_count")} > 0)`,
          named
        ]
      ]),
      graph(
        "Fullness",
        "percentunit",
        "Rows of an execution, of those that the model takes at most. Low with a long queue: look at max_queue_delay.",
        [[
          `${perVersion("galatea_batch_size_sum")} / (${perVersion("galatea_batch_size_count")} > 0) `
          + `/ max ${of} (galatea_max_batch_size{${versions}})`,
          named
        ]],
        { max: 1 }
      ),
      graph(
        "Spread of batch sizes",
        "short",
        "How many executions had how many rows.",
        [[`sum by (le) (${rate("galatea_batch_size_bucket")})`, "{{le}}"]],
        { kind: "heatmap" }
      )
    ]
  },
  {
    title: "Queues",
    panels: [
      graph("Waiting requests", "short", "Accepted, and not begun.", [
        [`sum ${of} (galatea_pending_requests{${versions}})`, named]
      ], { width: 6 }),
      graph("Age", "s", "How long the oldest of them has waited.", [
        [`max ${of} (galatea_queue_age_seconds{${versions}})`, named]
      ], { width: 6 }),
      graph("p99 of the wait", "s", "From the arrival to the start of the batch.", [
        [quantile(0.99, "galatea_queue_duration_seconds", "by (model, version, le)"), named]
      ], { width: 6 }),
      graph(
        "Turned away",
        "reqps",
        "Not accepted: the queue was full, the model was being unloaded, or it takes no such request (invalid).",
        [
          [
            `sum by (model, version, reason) (${rate("galatea_rejected_requests_total")})`,
            `${named} {{reason}}`
          ]
        ],
        { width: 6 }
      )
    ]
  },
  {
    title: "Failures",
    panels: [
      graph(
        "By reason",
        "reqps",
        "REJECTED: too long in the queue. CANCELED: given up by the client. BACKEND: the model.",
        [
          [`sum by (reason) (${rate("nv_inference_request_failure")})`, "{{reason}}"]
        ],
        { width: 12 }
      ),
      graph("By version", "reqps", "All reasons together.", [[perVersion("nv_inference_request_failure"), named]], {
        width: 12
      })
    ]
  },
  {
    title: "Instances",
    panels: [
      graph(
        "In use",
        "percentunit",
        "Instances that run something at the moment of the scrape. At 100 % requests wait.",
        [
          [
            `sum ${of} (galatea_executing_instances{${versions}}) / (sum ${of} (galatea_instances{${versions}}) > 0)`,
            named
          ]
        ],
        { width: 6, max: 1 }
      ),
      graph("Running", "short", "The same as numbers, and how many instances there are.", [
        [`sum ${of} (galatea_executing_instances{${versions}})`, `${named} running`],
        [`sum ${of} (galatea_instances{${versions}})`, `${named} instances`]
      ], { width: 6 }),
      graph("Mean run", "s", "How long the model runs for the batch of a request.", [
        [
          `${perVersion("galatea_compute_infer_duration_seconds_sum")} / `
          + `(${perVersion("galatea_compute_infer_duration_seconds_count")} > 0)`,
          named
        ]
      ], { width: 6 }),
      graph("Shared resources", "short", "Of --rate-limit: what is free, and who waits for it.", [
        [
          `sum by (resource, device) (galatea_rate_limiter_available_units{${servers}})`,
          "{{resource}} {{device}} free"
        ],
        [
          `sum by (resource, device) (galatea_rate_limiter_waiting_instances{${servers}})`,
          "{{resource}} {{device}} waiting"
        ]
      ], { width: 6 }),
      graph(
        "Lost",
        "short",
        "Instances that were lost, by why: they ended, a run took too long, they did not answer, or had too much memory.",
        [[
          `sum by (model, version, reason) (increase(galatea_instance_losses_total{${versions}}[$__rate_interval]))`,
          `${named} {{reason}}`
        ]],
        { width: 6 }
      ),
      graph(
        "Run once more",
        "reqps",
        "Requests whose instance was lost while it ran them, and that ran on another one.",
        [
          [perVersion("galatea_retried_requests_total"), named]
        ],
        { width: 6 }
      ),
      graph(
        "Suspended",
        "short",
        "1: too many instances were lost, and no more is started for a while. The log and the repository index say why.",
        [[`max ${of} (galatea_instance_breaker_open{${versions}})`, named]],
        { width: 6, max: 1 }
      ),
      graph("Up", "short", "Instances that are up, and how long the last restart of one took in seconds.", [
        [`sum ${of} (galatea_live_instances{${versions}})`, `${named} up`],
        [`max ${of} (galatea_instance_restart_seconds{${versions}})`, `${named} restart`]
      ], { width: 6 })
    ]
  },
  {
    title: "Sequences",
    panels: [
      graph("Slots in use", "percentunit", "Live sequences for each slot.", [
        [
          `sum ${of} (galatea_live_sequences{${versions}}) / (sum ${of} (galatea_sequence_slots{${versions}}) > 0)`,
          named
        ]
      ]),
      graph("Sequences", "short", "Those that can go on, and the slots that there are.", [
        [`sum ${of} (galatea_live_sequences{${versions}})`, `${named} live`],
        [`sum ${of} (galatea_sequence_slots{${versions}})`, `${named} slots`]
      ]),
      graph("Waiting for a slot", "short", "Sequences that have begun and have no slot yet.", [
        [`sum ${of} (galatea_waiting_sequences{${versions}})`, named]
      ])
    ]
  },
  {
    title: "Cache",
    panels: [
      graph("Hits", "percentunit", "Of the requests to models with response_cache, those that needed no run.", [
        [
          `${perVersion("nv_cache_num_hits_per_model")} / (${perVersion("nv_cache_num_hits_per_model")} + `
          + `${perVersion("nv_cache_num_misses_per_model")} > 0)`,
          named
        ]
      ]),
      graph("Memory", "bytes", "Taken by answers, and what there is.", [
        [`sum by (instance) (galatea_cache_used_bytes{${servers}})`, "{{instance}} used"],
        [`sum by (instance) (galatea_cache_capacity_bytes{${servers}})`, "{{instance}} capacity"]
      ]),
      graph("Answers forgotten", "ops", "To make room for others: many of them while hits are few means too small.", [
        [`sum by (instance) (rate(nv_cache_num_evictions{${servers}}[$__rate_interval]))`, "{{instance}}"]
      ])
    ]
  },
  {
    title: "Redis",
    collapsed: true,
    panels: [
      graph("Reached", "short", "1: the server reaches its Redis.", [
        [`galatea_cache_redis_up{${servers}}`, "{{instance}}"]
      ]),
      graph("Look-ups", "ops", "skipped: Redis was away or slow, and the model ran.", [
        [
          `sum by (outcome) (rate(galatea_cache_redis_lookups_total{${servers}}[$__rate_interval]))`,
          "{{outcome}}"
        ]
      ]),
      graph("Errors", "ops", "By what went wrong.", [
        [`sum by (reason) (rate(galatea_cache_redis_errors_total{${servers}}[$__rate_interval]))`, "{{reason}}"]
      ])
    ]
  },
  {
    title: "Rollouts",
    collapsed: true,
    panels: [
      graph("Share of each version", "percentunit", "Of the requests to a model.", [
        [
          `${perVersion("nv_inference_request_success")} / on (model) group_left () `
          + `(sum by (model) (${rate("nv_inference_request_success")}) > 0)`,
          named
        ]
      ], { stacked: true }),
      graph("In the shadow", "ops", "What became of the requests that were to run a second time.", [
        [`sum by (model, version, outcome) (${rate("galatea_shadow_requests_total")})`, `${named} {{outcome}}`]
      ]),
      graph("p99 of the difference", "none", "Largest distance between two numbers of the two answers.", [
        [quantile(0.99, "galatea_shadow_difference", "by (model, version, le)"), named]
      ])
    ]
  },
  {
    title: "Residency",
    collapsed: true,
    panels: [
      graph("Memory", "bytes", "What the loaded models count for, and the budget.", [
        [`sum by (instance) (galatea_residency_accounted_bytes{${servers}})`, "{{instance}} accounted"],
        [`sum by (instance) (galatea_residency_budget_bytes{${servers}})`, "{{instance}} budget"]
      ], { width: 6 }),
      graph("Versions", "short", "Loaded, and known.", [
        [`sum by (instance) (galatea_residency_resident_versions{${servers}})`, "{{instance}} loaded"],
        [`sum by (instance) (galatea_residency_known_versions{${servers}})`, "{{instance}} known"]
      ], { width: 6 }),
      graph("Loads and unloads", "ops", "Many of both: the budget is too small for what is asked for.", [
        [`sum(rate(galatea_residency_loads_total{${servers}}[$__rate_interval]))`, "loads"],
        [`sum(rate(galatea_residency_load_failures_total{${servers}}[$__rate_interval]))`, "failed loads"],
        [
          `sum by (reason) (rate(galatea_residency_evictions_total{${servers}}[$__rate_interval]))`,
          "unloads: {{reason}}"
        ]
      ], { width: 6 }),
      graph("Waiting for a load", "short", "Requests that came while their model was not loaded.", [
        [`sum by (instance) (galatea_residency_waiting_requests{${servers}})`, "{{instance}}"]
      ], { width: 6 })
    ]
  },
  {
    title: "Process",
    panels: [
      graph("CPU", "short", "Cores in use by the server.", [
        [`rate(process_cpu_seconds_total{${servers}}[$__rate_interval])`, "{{instance}}"]
      ], { width: 6 }),
      graph("Memory", "bytes", "Of the process, and of JavaScript in it.", [
        [`process_resident_memory_bytes{${servers}}`, "{{instance}} process"],
        [`galatea_heap_used_bytes{${servers}}`, "{{instance}} heap"],
        [`galatea_external_memory_bytes{${servers}}`, "{{instance}} buffers"]
      ], { width: 6 }),
      graph(
        "Delay of the main thread",
        "s",
        "What comes waits so long until it is looked at. Over 0.1 s is too much.",
        [
          [`galatea_event_loop_delay_seconds{${servers}, quantile=~"0.5|0.99"}`, "{{instance}} p{{quantile}}"]
        ],
        { width: 6 }
      ),
      graph("CPU of the machine", "percentunit", "All processes together.", [
        [`nv_cpu_utilization{${servers}}`, "{{instance}}"]
      ], { width: 6, max: 1 })
    ]
  },
  {
    title: "Telemetry",
    collapsed: true,
    panels: [
      graph("Sent by OTLP", "ops", "Spans, data points and log records. Only exported ones arrived.", [
        [
          `sum by (signal, outcome) (rate(galatea_telemetry_items_total{${servers}}[$__rate_interval]))`,
          "{{signal}} {{outcome}}"
        ]
      ], { width: 12 }),
      graph("Waiting to be sent", "short", "Bounded: what does not fit is dropped.", [
        [`sum by (instance, signal) (galatea_telemetry_queued_items{${servers}})`, "{{instance}} {{signal}}"]
      ], { width: 12 })
    ]
  }
]
