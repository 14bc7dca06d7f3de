/** The scenarios of the dynamic batcher. Source: scheduling §11.1, §11.2. Times are virtual milliseconds. */
import type { Draft } from "../../../src/schema/ModelConfig.ts"
import type { ModelledModel, Request, Scenario } from "./Scenario.ts"

type Batching = NonNullable<Draft["dynamic_batching"]>

const micros = (millis: number): bigint => BigInt(millis) * 1000n

const input = (name: string, dims: ReadonlyArray<number> = [1], more: object = {}) => ({
  name,
  data_type: "TYPE_FP32" as const,
  dims: [...dims],
  ...more
})

const batched = (
  maxBatchSize: number,
  dynamic_batching: Batching,
  model: Partial<ModelledModel> = {}
): ModelledModel => ({
  ...model,
  config: {
    max_batch_size: maxBatchSize,
    input: [input("INPUT0")],
    output: [input("OUTPUT0")],
    ...model.config,
    dynamic_batching
  }
})

/** Requests of one time. */
const times = (count: number, request: Request): ReadonlyArray<Request> => Array.from({ length: count }, () => request)

const always = <A>(count: number, answer: A): ReadonlyArray<A> => Array.from({ length: count }, () => answer)

const tenSeconds: Batching = { preferred_batch_size: [2, 6], max_queue_delay_microseconds: micros(10_000) }
const base = batched(8, tenSeconds)
const variable = batched(8, tenSeconds, {
  config: { input: [input("INPUT0", [-1])], output: [input("OUTPUT0", [-1])] }
})
const ragged = batched(8, tenSeconds, {
  compute: "lengths",
  config: {
    input: [input("INPUT0", [-1], { allow_ragged_batch: true })],
    output: [input("OUTPUT0")],
    batch_input: [{
      kind: "BATCH_ELEMENT_COUNT",
      target_name: ["COUNTS"],
      data_type: "TYPE_FP32",
      source_input: ["INPUT0"]
    }]
  }
})
const addSub = batched(8, tenSeconds, {
  compute: { OUTPUT0: (a, b) => a! + b!, OUTPUT1: (a, b) => a! - b! },
  config: { input: [input("INPUT0"), input("INPUT1")], output: [input("OUTPUT0"), input("OUTPUT1")] }
})
const preferredOnly = batched(8, { preferred_batch_size: [4, 6] })
const delayOnly = (millis: number): ModelledModel =>
  batched(100, { max_queue_delay_microseconds: micros(millis) }, { exec: () => 100 })
const ordered = (preserve_ordering: boolean): ModelledModel =>
  batched(4, { preferred_batch_size: [4], max_queue_delay_microseconds: micros(10_000), preserve_ordering }, {
    instances: 2,
    exec: (instance) => instance === 0 ? 100 : 400
  })
const optional = batched(4, { max_queue_delay_microseconds: micros(5000) }, {
  compute: { OUTPUT0: (a, b) => a! + 2 * b! },
  config: { input: [input("INPUT0", [1], { optional: true }), input("INPUT1", [1], { optional: true })] }
})
/** Four elements, 16 bytes a row: six rows are 96 bytes. */
const volume = batched(8, {}, {
  exec: () => 100,
  config: { input: [input("INPUT0", [4])], output: [input("OUTPUT0", [4])] }
})

/** Scheduling §11.1. */
const batches: ReadonlyArray<Scenario> = [
  {
    number: "1",
    idea: "runs sizes that are preferred at once",
    model: base,
    requests: [{ at: 0, rows: 2 }, { at: 1000, rows: 6 }],
    answers: [0, 1000],
    executions: { 2: 1, 6: 1 },
    counts: [2, 8]
  },
  {
    number: "2",
    idea: "makes a batch below every preferred size wait",
    model: base,
    requests: [{ at: 0, rows: 1 }],
    answers: [10_000],
    executions: { 1: 1 },
    counts: [1, 1]
  },
  {
    number: "3",
    idea: "makes a batch between preferred sizes wait",
    model: base,
    requests: [{ at: 0, rows: 3 }],
    answers: [10_000],
    executions: { 3: 1 },
    counts: [1, 3]
  },
  {
    number: "4",
    idea: "runs what is above the largest preferred size at once",
    model: base,
    requests: [{ at: 0, rows: 7 }],
    answers: [0],
    executions: { 7: 1 },
    counts: [1, 7]
  },
  {
    number: "5",
    idea: "lets requests of any length share a ragged batch",
    model: ragged,
    requests: [{ at: 0, rows: 1, shape: [16] }, { at: 0, rows: 1, shape: [8] }],
    answers: [0, 0],
    executions: { 2: 1 },
    counts: [2, 2]
  },
  {
    number: "6",
    idea: "runs shapes that differ apart",
    model: variable,
    requests: [{ at: 0, rows: 1, shape: [16] }, { at: 1000, rows: 1, shape: [8] }],
    answers: [1000, 11_000],
    executions: { 1: 2 },
    counts: [2, 2]
  },
  {
    number: "7",
    idea: "makes a sum that is not preferred wait",
    model: base,
    requests: [{ at: 0, rows: 1 }, { at: 1000, rows: 3 }],
    answers: [10_000, 10_000],
    executions: { 4: 1 },
    counts: [2, 4]
  },
  {
    number: "8",
    idea: "ends a batch at another shape",
    model: variable,
    requests: [
      { at: 0, rows: 1, shape: [16] },
      { at: 0, rows: 3, shape: [16] },
      { at: 1000, rows: 1, shape: [8] }
    ],
    answers: [1000, 1000, 11_000],
    executions: { 1: 1, 4: 1 },
    counts: [3, 5]
  },
  {
    number: "9",
    idea: "lets the new shape reach a preferred size",
    model: variable,
    requests: [
      { at: 0, rows: 1, shape: [16] },
      { at: 0, rows: 3, shape: [16] },
      { at: 1000, rows: 1, shape: [8] },
      { at: 2000, rows: 5, shape: [8] }
    ],
    answers: [1000, 1000, 2000, 2000],
    executions: { 4: 1, 6: 1 },
    counts: [4, 10]
  },
  {
    number: "10",
    idea: "runs apart what is too large for the batch that waits",
    model: base,
    requests: [{ at: 0, rows: 3 }, { at: 1000, rows: 7 }],
    answers: [1000, 1000],
    executions: { 3: 1, 7: 1 },
    counts: [2, 10]
  },
  {
    number: "11",
    idea: "lets a batch leave when the sum exceeds the largest preferred size",
    model: base,
    requests: [{ at: 0, rows: 3 }, { at: 1000, rows: 4 }],
    answers: [1000, 11_000],
    executions: { 3: 1, 4: 1 },
    counts: [2, 7]
  },
  {
    number: "12",
    idea: "does the same when both wait before the start",
    model: base,
    hold: 2,
    requests: [{ at: 0, rows: 3 }, { at: 0, rows: 4 }],
    answers: [0, 10_000],
    executions: { 3: 1, 4: 1 },
    counts: [2, 7]
  },
  {
    number: "13",
    idea: "prefers no size any more once the delay is over",
    model: base,
    hold: 3,
    requests: [{ at: 0, rows: 3 }, { at: 0, rows: 4 }, { at: 11_000, rows: 1 }],
    answers: [11_000, 11_000, 11_000],
    executions: { 8: 1 },
    counts: [3, 8]
  },
  {
    number: "14",
    idea: "ends a batch at another shape when all wait before the start",
    model: variable,
    hold: 4,
    requests: [
      { at: 0, rows: 1, shape: [16] },
      { at: 0, rows: 3, shape: [16] },
      { at: 0, rows: 1, shape: [8] },
      { at: 0, rows: 5, shape: [8] }
    ],
    answers: [0, 0, 0, 0],
    executions: { 4: 1, 6: 1 },
    counts: [4, 10]
  },
  {
    number: "15",
    idea: "takes the largest preferred size",
    model: base,
    hold: 6,
    requests: times(6, { at: 0, rows: 1 }),
    answers: always(6, 0),
    executions: { 6: 1 },
    counts: [6, 6]
  },
  {
    number: "15b",
    idea: "takes the largest preferred size of a queue that could fill a whole batch",
    model: base,
    hold: 8,
    requests: times(8, { at: 0, rows: 1 }),
    answers: always(8, 0),
    executions: { 2: 1, 6: 1 },
    counts: [8, 8]
  },
  {
    number: "16",
    idea: "takes the preferred size, and lets the rest wait",
    model: base,
    hold: 2,
    requests: [{ at: 0, rows: 1 }, { at: 0, rows: 1 }, { at: 1000, rows: 1 }],
    answers: [0, 0, 11_000],
    executions: { 1: 1, 2: 1 },
    counts: [3, 3]
  },
  ...([
    ["a", "different outputs", ["OUTPUT0"], ["OUTPUT1"]],
    ["b", "the same output", ["OUTPUT1"], ["OUTPUT1"]],
    ["c", "outputs in different orders", ["OUTPUT0", "OUTPUT1"], ["OUTPUT1", "OUTPUT0"]],
    ["d", "one and all outputs", ["OUTPUT1"], undefined]
  ] as const).map(([letter, what, first, second]): Scenario => ({
    number: `17${letter}`,
    idea: `lets requests for ${what} share a batch, and gives each what it asked for`,
    model: addSub,
    requests: [{ at: 0, rows: 1, outputs: first }, { at: 0, rows: 1, ...second && { outputs: second } }],
    answers: [0, 0],
    executions: { 2: 1 },
    counts: [2, 2]
  })),
  ...([
    ["18", "runs a preferred size", 4, { 4: 1 }],
    ["19", "runs the rest beside a preferred size", 5, { 1: 1, 4: 1 }],
    ["20", "runs the largest preferred size", 7, { 1: 1, 6: 1 }],
    ["21", "runs what reaches no preferred size", 3, { 3: 1 }]
  ] as const).map(([number, what, hold, executions]): Scenario => ({
    number,
    idea: `${what} without a delay`,
    model: preferredOnly,
    hold,
    requests: times(hold, { at: 0, rows: 1 }),
    answers: always(hold, 0),
    executions,
    counts: [hold, hold]
  })),
  {
    number: "22",
    idea: "gathers while the instance is busy, without a delay or preferred sizes",
    model: delayOnly(0),
    requests: times(12, { at: 0, rows: 1 }),
    answers: [100, ...always(11, 200)],
    executions: { 1: 1, 11: 1 },
    counts: [12, 12]
  },
  {
    number: "23",
    idea: "gathers for the delay, without preferred sizes",
    model: delayOnly(20),
    requests: times(12, { at: 0, rows: 1 }),
    answers: always(12, 120),
    executions: { 12: 1 },
    counts: [12, 12]
  },
  {
    number: "24",
    idea: "gives responses in the order of requests with preserve_ordering",
    model: ordered(true),
    requests: times(12, { at: 0, rows: 1 }),
    answers: [...always(4, 100), ...always(4, 400), ...always(4, 400)],
    executions: { 4: 3 },
    counts: [12, 12]
  },
  {
    number: "25",
    idea: "lets the responses of a fast instance overtake without preserve_ordering",
    model: ordered(false),
    requests: times(12, { at: 0, rows: 1 }),
    answers: [...always(4, 100), ...always(4, 400), ...always(4, 200)],
    executions: { 4: 3 },
    counts: [12, 12]
  },
  {
    number: "26",
    idea: "runs every request alone and at once with max_batch_size 1",
    model: batched(1, { max_queue_delay_microseconds: micros(10_000) }),
    requests: times(3, { at: 0, rows: 1 }),
    answers: always(3, 0),
    executions: { 1: 3 },
    counts: [3, 3]
  },
  {
    number: "27",
    idea: "lets requests with the same optional inputs share a batch",
    model: optional,
    requests: times(2, { at: 0, rows: 1, inputs: ["INPUT1"] }),
    answers: [5000, 5000],
    executions: { 2: 1 },
    counts: [2, 2]
  },
  {
    number: "28",
    idea: "runs requests with different optional inputs apart",
    model: optional,
    requests: [
      { at: 0, rows: 1, inputs: ["INPUT0"] },
      { at: 0, rows: 1, inputs: ["INPUT1"] },
      { at: 0, rows: 1, inputs: ["INPUT0"] },
      { at: 0, rows: 1, inputs: ["INPUT1"] }
    ],
    answers: [0, 0, 0, 5000],
    executions: { 1: 4 },
    counts: [4, 4]
  },
  {
    number: "29a",
    idea: "lets a policy bound a batch by its volume",
    model: volume,
    policy: "rows of 96 bytes",
    requests: times(12, { at: 0, rows: 1 }),
    answers: [100, ...always(6, 200), ...always(5, 300)],
    executions: { 1: 1, 5: 1, 6: 1 },
    counts: [12, 12]
  },
  {
    number: "29b",
    idea: "lets a policy run every request alone",
    model: volume,
    policy: "one request",
    requests: times(12, { at: 0, rows: 1 }),
    answers: Array.from({ length: 12 }, (_, i) => (i + 1) * 100),
    executions: { 1: 12 },
    counts: [12, 12]
  },
  ...[1, 2].map((places): Scenario => ({
    number: places === 1 ? "31a" : "31b",
    idea: `counts as pending what waits${places === 1 ? "" : ", be it in a batch that lies ready"}`,
    model: batched(4, { max_queue_delay_microseconds: micros(500) }, { exec: () => 2000, places }),
    requests: times(10, { at: 0, rows: 1 }),
    answers: [...always(4, 2000), ...always(4, 4000), ...always(2, 6000)],
    executions: { 2: 1, 4: 2 },
    counts: [10, 10],
    waiting: { 1000: 6, 3000: 2, 5000: 0 }
  }))
]

const refused = (at: number) => ({ at, error: "Exceeds maximum queue size", status: 503 })
const expired = (at: number) => ({ at, error: "Request timeout expired", status: 503 })

const preferred48 = (policy: Batching, model: Partial<ModelledModel> = {}): ModelledModel =>
  batched(
    32,
    { preferred_batch_size: [4, 8], max_queue_delay_microseconds: micros(10_000), ...policy },
    model
  )
const queuePolicy = (policy: NonNullable<Batching["default_queue_policy"]>): ModelledModel =>
  preferred48({ default_queue_policy: policy })
const overridden = queuePolicy({
  timeout_action: "REJECT",
  default_timeout_microseconds: micros(1000),
  allow_timeout_override: true
})
const priorities = (priority_levels: bigint, default_priority_level: bigint): ModelledModel =>
  preferred48({ priority_levels, default_priority_level })
const twoPolicies = preferred48({
  preferred_batch_size: [4, 8, 32],
  priority_levels: 2n,
  default_priority_level: 2n,
  default_queue_policy: {
    timeout_action: "DELAY",
    default_timeout_microseconds: micros(11_000),
    allow_timeout_override: true
  },
  priority_queue_policy: {
    2: { timeout_action: "REJECT", default_timeout_microseconds: micros(11_000), allow_timeout_override: true }
  }
})

/** Scheduling §11.2. */
const queues: ReadonlyArray<Scenario> = [
  {
    number: "32",
    idea: "turns away at once what exceeds max_queue_size, which is no failure of the model",
    model: preferred48({ default_queue_policy: { max_queue_size: 8 } }, { exec: () => 5000 }),
    requests: [{ at: 0, rows: 8 }, ...times(10, { at: 500, rows: 1 })],
    answers: [5000, ...always(8, 10_000), refused(500), refused(500)],
    executions: { 8: 2 },
    counts: [9, 16],
    refused: 2
  },
  {
    number: "33",
    idea: "puts a request whose timeout is over behind the others",
    model: queuePolicy({ timeout_action: "DELAY", default_timeout_microseconds: micros(100) }),
    requests: [{ at: 0, rows: 1 }, ...times(2, { at: 200, rows: 2 })],
    answers: [10_000, 200, 200],
    executions: { 1: 1, 4: 1 },
    counts: [3, 5]
  },
  {
    number: "34",
    idea: "rejects a request whose timeout is over",
    model: queuePolicy({ timeout_action: "REJECT", default_timeout_microseconds: micros(100) }),
    requests: [{ at: 0, rows: 1 }, ...times(2, { at: 200, rows: 2 })],
    answers: [expired(100), 200, 200],
    executions: { 4: 1 },
    counts: [2, 4],
    failures: { REJECTED: 1 }
  },
  {
    number: "36",
    idea: "lets a request shorten its timeout",
    model: overridden,
    requests: [{ at: 0, rows: 1, timeout: 100_000 }, ...times(2, { at: 200, rows: 2 })],
    answers: [expired(100), 200, 200],
    executions: { 4: 1 },
    counts: [2, 4],
    failures: { REJECTED: 1 }
  },
  ...([["37", "ignores a longer timeout of a request", 10_000_000], [
    "38",
    "uses the default timeout where a request has none",
    undefined
  ]] as const).map(([number, idea, timeout]): Scenario => ({
    number,
    idea,
    model: overridden,
    requests: [{ at: 0, rows: 1, ...timeout && { timeout } }, ...times(2, { at: 200, rows: 2 })],
    answers: [expired(1000), 1000, 1000],
    executions: { 4: 1 },
    counts: [2, 4],
    failures: { REJECTED: 1 }
  })),
  {
    number: "39",
    idea: "ignores the timeout of a request where there is no default",
    model: queuePolicy({ timeout_action: "REJECT", default_timeout_microseconds: 0n, allow_timeout_override: true }),
    requests: [{ at: 0, rows: 1, timeout: 100_000 }],
    answers: [10_000],
    executions: { 1: 1 },
    counts: [1, 1]
  },
  {
    number: "40",
    idea: "begins a batch anew with a request of higher priority",
    model: priorities(2n, 2n),
    requests: [{ at: 0, rows: 2 }, { at: 100, rows: 1 }, { at: 300, rows: 2, priority: 1 }],
    answers: [300, 10_100, 300],
    executions: { 1: 1, 4: 1 },
    counts: [3, 5]
  },
  {
    number: "41",
    idea: "does so with levels of 64 bits",
    model: priorities(2n ** 64n - 1n, 2n ** 32n),
    requests: [
      { at: 0, rows: 2 },
      { at: 100, rows: 1, priority: 2n ** 32n },
      { at: 300, rows: 2, priority: 1 }
    ],
    answers: [300, 10_100, 300],
    executions: { 1: 1, 4: 1 },
    counts: [3, 5]
  },
  {
    number: "42",
    idea: "gives each priority its own policy",
    model: twoPolicies,
    requests: [
      { at: 0, rows: 2, priority: 1 },
      { at: 200, rows: 1, priority: 1, timeout: 1_000_000 },
      { at: 400, rows: 2, priority: 1 },
      { at: 600, rows: 2, priority: 2, timeout: 2_000_000 },
      { at: 800, rows: 3, priority: 2 },
      { at: 1000, rows: 6, priority: 2 }
    ],
    answers: [1200, 2600, 1200, expired(2600), 2600, 11_000],
    executions: { 4: 2, 6: 1 },
    counts: [5, 14],
    failures: { REJECTED: 1 }
  },
  ...[1, 2].map((places): Scenario => ({
    number: places === 1 ? "43a" : "43b",
    idea: `rejects on time while every instance is busy${places === 1 ? "" : ", be it from a batch that lies ready"}`,
    model: batched(1, {
      default_queue_policy: {
        timeout_action: "REJECT",
        default_timeout_microseconds: micros(1000),
        max_queue_size: 8
      }
    }, { exec: () => 8000, places }),
    requests: times(5, { at: 0, rows: 1 }),
    answers: [8000, ...always(4, expired(1000))],
    executions: { 1: 1 },
    counts: [1, 1],
    failures: { REJECTED: 4 }
  })),
  {
    number: "44",
    idea: "bounds what waits by max_queue_size, as the count of what waits shows",
    model: batched(4, {
      max_queue_delay_microseconds: micros(500),
      default_queue_policy: { max_queue_size: 4 }
    }, { exec: () => 2000 }),
    requests: times(10, { at: 0, rows: 1 }),
    answers: [...always(4, 2000), ...always(4, 4000), ...always(2, refused(0))],
    executions: { 4: 2 },
    counts: [8, 8],
    refused: 2,
    waiting: { 1000: 4, 3000: 0 }
  }
]

const exceeded = (at: number, millis: number) => ({
  at,
  error:
    `the deadline of the request, ${millis} ms after its arrival, passed while it waited for an instance of model 'm'`,
  status: 504
})

/** With a place where a batch lies ready and without. */
const busy = (policy: NonNullable<Batching["default_queue_policy"]>, places: number): ModelledModel =>
  batched(1, { default_queue_policy: policy }, { exec: () => 8000, places })
const ready = (places: number): string => places === 1 ? "" : ", also from a batch that lies ready"

/** Beyond the reference. */
const leaving: ReadonlyArray<Scenario> = [
  {
    number: "cancelled a",
    idea: "runs a batch without a request whose client has gone",
    model: base,
    requests: [{ at: 0, rows: 1, goneAt: 500 }, { at: 1000, rows: 3 }],
    answers: ["gone", 11_000],
    executions: { 3: 1 },
    counts: [1, 3],
    failures: { CANCELED: 1 },
    waiting: { 499: 1, 500: 0, 1000: 1 }
  },
  ...[1, 2].map((places): Scenario => ({
    number: `cancelled ${places === 1 ? "b" : "c"}`,
    idea: `takes a request whose client has gone out of the queue at once, while every instance is busy${
      ready(places)
    }`,
    model: busy({ max_queue_size: 8 }, places),
    requests: [{ at: 0, rows: 1 }, ...times(3, { at: 0, rows: 1, goneAt: 1000 }), { at: 0, rows: 1 }],
    answers: [8000, ...always(3, "gone" as const), 16_000],
    executions: { 1: 2 },
    counts: [2, 2],
    failures: { CANCELED: 3 },
    waiting: { 999: 4, 1000: 1 }
  })),
  {
    number: "cancelled d",
    idea: "gives the place of a request whose client has gone to the next",
    model: busy({ max_queue_size: 1 }, 1),
    requests: [
      { at: 0, rows: 1 },
      { at: 0, rows: 1, goneAt: 1000 },
      { at: 500, rows: 1 },
      { at: 2000, rows: 1 }
    ],
    answers: [8000, "gone", refused(500), 16_000],
    executions: { 1: 2 },
    counts: [2, 2],
    failures: { CANCELED: 1 },
    refused: 1
  },
  {
    number: "deadline a",
    idea: "ends the wait of a request for others at its deadline",
    model: base,
    requests: [{ at: 0, rows: 1, deadline: 500 }, { at: 1000, rows: 3 }],
    answers: [exceeded(500, 500), 11_000],
    executions: { 3: 1 },
    counts: [1, 3],
    failures: { REJECTED: 1 }
  },
  ...[1, 2].map((places): Scenario => ({
    number: `deadline ${places === 1 ? "b" : "c"}`,
    idea: `ends the wait of a request for an instance at its deadline${ready(places)}`,
    model: busy({}, places),
    requests: [{ at: 0, rows: 1 }, ...times(2, { at: 100, rows: 1, deadline: 400 }), { at: 100, rows: 1 }],
    answers: [8000, exceeded(500, 400), exceeded(500, 400), 16_000],
    executions: { 1: 2 },
    counts: [2, 2],
    failures: { REJECTED: 2 }
  })),
  {
    number: "deadline d",
    idea: "keeps the deadline of a request that its timeout has put behind the others",
    model: busy({ timeout_action: "DELAY", default_timeout_microseconds: micros(1000) }, 1),
    requests: [{ at: 0, rows: 1 }, { at: 0, rows: 1, deadline: 3000 }, { at: 500, rows: 1 }],
    answers: [8000, exceeded(3000, 3000), 16_000],
    executions: { 1: 2 },
    counts: [2, 2],
    failures: { REJECTED: 1 }
  },
  {
    number: "deadline e",
    idea: "lets a request finish that has begun before its deadline",
    model: busy({}, 1),
    requests: [{ at: 0, rows: 1, deadline: 500 }],
    answers: [8000],
    executions: { 1: 1 },
    counts: [1, 1]
  }
]

export const scenarios: ReadonlyArray<Scenario> = [...batches, ...queues, ...leaving]
