/** The scenarios of the sequence batcher. Source: scheduling §11.3, §11.4. Times are virtual milliseconds. */
import type { Draft } from "../../../src/schema/ModelConfig.ts"
import type { Answer, ModelledModel, Request, Scenario } from "./Scenario.ts"

type Batching = NonNullable<Draft["sequence_batching"]>
type Flags = "int32_false_true" | "fp32_false_true" | "bool_false_true"

const micros = (millis: number): bigint => BigInt(millis) * 1000n

const controls = (
  flags: Flags = "int32_false_true",
  data_type: "TYPE_UINT64" | "TYPE_STRING" = "TYPE_UINT64"
): Batching["control_input"] => [
  ...(["START", "END", "READY"] as const).map((name) => ({
    name,
    control: [{
      kind: `CONTROL_SEQUENCE_${name}` as const,
      ...(flags === "bool_false_true" ? { bool_false_true: [false, true] } : { [flags]: [0, 1] })
    }]
  })),
  { name: "CORRID", control: [{ kind: "CONTROL_SEQUENCE_CORRID" as const, data_type }] }
]

const io = (name: string, dims: ReadonlyArray<number> = [1], more: object = {}) => ({
  name,
  data_type: "TYPE_FP32" as const,
  dims: [...dims],
  ...more
})

const model = (
  max_batch_size: number,
  sequence_batching: Batching,
  more: Partial<ModelledModel> = {}
): ModelledModel => ({
  compute: "sums",
  ...more,
  config: {
    max_batch_size,
    input: [io("INPUT0")],
    output: [io("OUTPUT0")],
    ...more.config,
    sequence_batching: {
      max_sequence_idle_microseconds: micros(5000),
      control_input: controls(),
      ...sequence_batching
    }
  }
})

const free = { config: { input: [io("INPUT0", [-1])], output: [io("OUTPUT0", [-1])] } }
const ragged: Partial<ModelledModel> = {
  config: {
    input: [io("INPUT0", [-1], { allow_ragged_batch: true })],
    output: [io("OUTPUT0")],
    batch_input: [{
      kind: "BATCH_ELEMENT_COUNT",
      target_name: ["COUNTS"],
      data_type: "TYPE_FP32",
      source_input: ["INPUT0"]
    }]
  }
}

/** A sequence of so many requests, all at one time. */
const sequence = (id: number | string, count: number, more: Partial<Request> = {}): ReadonlyArray<Request> =>
  Array.from({ length: count }, (_, i) => ({
    at: 0,
    rows: 1,
    ...more,
    sequence: { id, start: i === 0, end: i === count - 1 }
  }))

/** One request of a sequence: `^` a START, `$` an END. */
const step = (at: number, flags: "" | "^" | "$" | "^$", id: number | string, more: Partial<Request> = {}): Request => ({
  at,
  rows: 1,
  ...more,
  sequence: { id, start: flags.includes("^"), end: flags.includes("$") }
})

const all = (requests: ReadonlyArray<Request>, answer: Answer): ReadonlyArray<Answer> => requests.map(() => answer)

const noStart = (at: number, id: number | string): Answer => ({
  at,
  error:
    `inference request for sequence ${id} to model 'm' must specify the START flag on the first request of the sequence`,
  status: 400
})

/** Everything waits for the release, and is answered then. */
const held = (
  number: string,
  idea: string,
  of: ModelledModel,
  requests: ReadonlyArray<Request>,
  executions: Scenario["executions"],
  more: Partial<Scenario> = {}
): Scenario => ({
  number,
  idea,
  model: of,
  hold: requests.length,
  requests,
  answers: all(requests, Math.max(...requests.map(({ at }) => at))),
  executions,
  counts: [requests.length, requests.length],
  ...more
})

/** The same on one, two and four instances, which have four slots in all. */
const onInstances = (
  number: string,
  idea: string,
  requests: ReadonlyArray<Request>,
  executions: {
    readonly 1: Scenario["executions"]
    readonly 2?: Scenario["executions"]
    readonly 4?: Scenario["executions"]
  }
): ReadonlyArray<Scenario> =>
  ([[1, "a"], [2, "b"], [4, "c"]] as const).flatMap(([instances, letter]) => {
    const expected = executions[instances]
    return expected === undefined
      ? []
      : [
        held(
          number + letter,
          `${idea}, ${instances} instances`,
          model(4 / instances, { direct: {} }, { instances }),
          requests,
          expected
        )
      ]
  })

/** The model of most scenarios of the strategy Direct. */
export const direct = model(4, { direct: {} })
const utilization = (minimum_slot_utilization: number) =>
  model(4, { direct: { max_queue_delay_microseconds: micros(3000), minimum_slot_utilization } })

const three = [1001, 1002, 1003, 1004]
const lengths = [[2], [9], [2], [5]]

const differing = (count: (index: number) => number): ReadonlyArray<Request> =>
  three.flatMap((id, i) => sequence(id, count(i), { shape: lengths[i]! }))

const filled = [
  ...[3, 2, 2, 3].flatMap((count, i) => sequence(1001 + i, count)),
  ...sequence(1005, 1, { at: 3000 })
]
const incomplete = [
  ...filled,
  step(3000, "^", 1006),
  step(3000, "", 1006)
]

const beyond = three.flatMap((id) => sequence(id, 3)).concat(sequence(1005, 3))

const idle = (
  of: ModelledModel,
  answers: ReadonlyArray<Answer>,
  executions: Scenario["executions"]
): Omit<Scenario, "number"> => ({
  idea: "frees the slot of a sequence that sends nothing any more",
  model: of,
  hold: 6,
  requests: [
    ...three.map((id) => step(0, "^", id)),
    step(0, "^", 1005),
    step(0, "$", 1005),
    step(2500, "", 1002),
    step(2501, "", 1003),
    step(2502, "", 1004),
    step(6000, "", 1001),
    step(6001, "$", 1002),
    step(6002, "$", 1003),
    step(6003, "$", 1004)
  ],
  answers,
  executions,
  counts: [12, 12]
})

/** Scheduling §11.3. */
const directs: ReadonlyArray<Scenario> = [
  {
    number: "46",
    idea: "simple sequence",
    model: direct,
    requests: sequence(1001, 9),
    answers: all(sequence(1001, 9), 0),
    members: ["^1001", ...all(sequence(0, 7), 0).map(() => "1001"), "1001$"],
    executions: { 1: 9 },
    counts: [9, 9]
  },
  {
    number: "47",
    idea: "sequence of one request",
    model: direct,
    requests: sequence(1001, 1),
    answers: [0],
    members: ["^1001$"],
    executions: { 1: 1 },
    counts: [1, 1]
  },
  {
    number: "48",
    idea: "refuses a batch of more than one",
    model: direct,
    requests: [step(0, "^$", 1001, { rows: 2 })],
    answers: [{
      at: 0,
      error: "inference request to model 'm' must specify batch-size 1 due to requirements of sequence batcher",
      status: 400
    }],
    executions: {},
    counts: [0, 0]
  },
  ...[step(0, "^$", 0), step(0, "^$", ""), { at: 0, rows: 1 }].map((request, i): Scenario => ({
    number: `49${"abc"[i]}`,
    idea: `refuses a request without an id: ${["0", "empty", "no sequence"][i]}`,
    model: direct,
    requests: [request],
    answers: [{
      at: 0,
      error: "inference request to model 'm' must specify a non-zero or non-empty correlation ID",
      status: 400
    }],
    executions: {},
    counts: [0, 0]
  })),
  {
    number: "50",
    idea: "refuses a first request without START",
    model: direct,
    requests: [step(0, "", 1001), step(0, "$", 1002)],
    answers: [noStart(0, 1001), noStart(0, 1002)],
    executions: {},
    counts: [0, 0]
  },
  {
    number: "51",
    idea: "refuses a request after the END",
    model: direct,
    requests: [...sequence(1001, 2), step(0, "", 1001)],
    answers: [0, 0, noStart(0, 1001)],
    executions: { 1: 2 },
    counts: [2, 2]
  },
  {
    number: "52",
    idea: "goes on afresh at a START without an END before",
    model: direct,
    requests: [step(0, "^", 1001), step(0, "", 1001), step(0, "^", 1001), step(0, "$", 1001)],
    answers: [0, 0, 0, 0],
    members: ["^1001", "1001", "^1001", "1001$"],
    executions: { 1: 4 },
    counts: [4, 4]
  },
  ...onInstances("53", "half a batch", [...sequence(1001, 4), ...sequence(1002, 4)], { 1: { 2: 4 }, 2: { 1: 8 } }),
  ...onInstances(
    "54",
    "short and long sequences",
    [
      ...[1002, 1004].flatMap((id) => sequence(id, 4)),
      ...[1001, 1003].flatMap((id) => sequence(id, 2, { at: 3000 }))
    ],
    { 1: { 2: 2, 4: 2 }, 2: { 1: 4, 2: 4 }, 4: { 1: 12 } }
  ),
  held("54d", "pads the slot of a sequence that has ended", direct, [...sequence(1001, 2), ...sequence(1002, 4)], {
    2: 4
  }, {
    members: ["^1001 ^1002", "1001$ 1002", "- 1002", "- 1002$"]
  }),
  held("54e", "pads nothing above the last slot that is ready", direct, [...sequence(1001, 4), ...sequence(1002, 2)], {
    1: 2,
    2: 2
  }, { members: ["^1001 ^1002", "1001 1002$", "1001", "1001$"] }),
  held("55", "full batch", direct, three.flatMap((id) => sequence(id, 3)), { 4: 3 }),
  held("56", "runs shapes that differ apart, padded", model(4, { direct: {} }, free), differing(() => 3), { 4: 9 }),
  held("57", "lets shapes that differ share a ragged batch", model(4, { direct: {} }, ragged), differing(() => 3), {
    4: 3
  }),
  ...onInstances("58", "makes a sequence wait for a slot", beyond, { 1: { 1: 3, 4: 3 }, 2: { 1: 3, 2: 6 } }),
  held("59", "fills slots that come free at the next batch", direct, [...filled, ...sequence(1006, 1, { at: 3000 })], {
    4: 3
  }),
  {
    ...held("60", "fills a slot with a sequence that is not complete", direct, incomplete, { 3: 2, 4: 3 }),
    requests: [...incomplete, step(5000, "$", 1006)],
    answers: [...all(incomplete, 3000), 5000],
    counts: [14, 14]
  },
  ...onInstances(
    "61",
    "takes an id again for another sequence",
    [...three.flatMap((id) => sequence(id, 3)), ...sequence(1002, 2)],
    { 1: { 1: 2, 4: 3 }, 2: { 1: 2, 2: 6 } }
  ),
  held(
    "62",
    "goes on in the same slot at a START without an END before",
    direct,
    [
      step(0, "^", 1001),
      step(0, "", 1001),
      ...three.slice(1).flatMap((id) => sequence(id, 4)),
      ...sequence(1001, 2, { at: 2000 })
    ],
    { 4: 4 }
  ),
  {
    number: "63",
    ...idle(
      direct,
      [0, 0, 0, 0, 5000, 5000, 2500, 2501, 2502, noStart(6000, 1001), 6001, 6002, 6003],
      { 1: 2, 2: 2, 3: 2, 4: 3 }
    )
  },
  ...([[0, 0, 0], [0.5, 0, 3000], [1, 3000, 3000]] as const).map(([minimum, first, second], i): Scenario => ({
    number: String(64 + i),
    idea: `minimum_slot_utilization ${minimum}`,
    model: utilization(minimum),
    hold: 3,
    requests: [step(0, "^", 1001), step(0, "^", 1002), step(0, "", 1002)],
    answers: [first, first, second],
    executions: { 2: 2 },
    counts: [3, 3]
  })),
  {
    number: "67",
    idea: "ends a sequence in the backlog whose timeout passes",
    model: model(1, { direct: {} }, { exec: () => 5000 }),
    requests: [step(0, "^", 1001), step(100, "^", 1002, { timeout: 3_000_000 }), step(200, "", 1002)],
    answers: [
      5000,
      { at: 3100, error: "timeout of the corresponding sequence has been expired", status: 503 },
      { at: 3100, error: "timeout of the corresponding sequence has been expired", status: 503 }
    ],
    executions: { 1: 1 },
    counts: [1, 1],
    failures: { REJECTED: 2 },
    waiting: { 200: 2, 3099: 2, 3100: 0 }
  },
  {
    number: "68",
    idea: "refuses to go on with a sequence that ended so",
    model: model(1, { direct: {} }, { exec: () => 5000 }),
    requests: [step(0, "^", 1001), step(100, "^", 1002, { timeout: 3_000_000 }), step(3200, "", 1002)],
    answers: [
      5000,
      { at: 3100, error: "timeout of the corresponding sequence has been expired", status: 503 },
      noStart(3200, 1002)
    ],
    executions: { 1: 1 },
    counts: [1, 1],
    failures: { REJECTED: 1 }
  },
  held(
    "69",
    "string ids",
    model(4, { direct: {}, control_input: controls("int32_false_true", "TYPE_STRING") }),
    [...sequence("a-0001", 3), ...sequence("b", 3)],
    { 2: 3 },
    { members: ["^a-0001 ^b", "a-0001 b", "a-0001$ b$"] }
  ),
  ...([["a-0001", "TYPE_UINT64", "BYTES", "UINT64"], [1001, "TYPE_STRING", "UINT64", "BYTES"]] as const).map((
    [id, type, given, expected],
    i
  ): Scenario => ({
    number: `70${"ab"[i]}`,
    idea: `refuses an id of the wrong type: ${given}`,
    model: model(4, { direct: {}, control_input: controls("int32_false_true", type) }),
    requests: [step(0, "^$", id)],
    answers: [{
      at: 0,
      error:
        `[request id: <id_unknown>] sequence batching control 'CORRID' data-type is '${given}', but model 'm' expects ` +
        `'${expected}'`,
      status: 400
    }],
    executions: {},
    counts: [0, 0]
  })),
  ...(["int32_false_true", "fp32_false_true", "bool_false_true"] as const).map((flags, i) =>
    held(
      `71${"abc"[i]}`,
      `controls as ${flags.split("_")[0]}`,
      model(4, { direct: {}, control_input: controls(flags) }),
      [...sequence(1001, 2), ...sequence(1002, 3), ...sequence(1003, 1)],
      { 2: 2, 3: 1 },
      { members: ["^1001 ^1002 ^1003$", "1001$ 1002", "- 1002$"] }
    )
  )
]

const oldestBatching = (millis: number, more: NonNullable<Batching["oldest"]> = {}): Batching => ({
  oldest: {
    max_candidate_sequences: 4,
    preferred_batch_size: [4],
    max_queue_delay_microseconds: micros(millis),
    ...more
  }
})
const oldest = model(8, oldestBatching(5000))
const parallel = three.flatMap((id, i) => sequence(id, i === 0 ? 2 : 3))
const ordered = (preserve_ordering: boolean) =>
  model(8, { oldest: { preserve_ordering } }, { instances: 2, exec: (instance) => instance === 0 ? 400 : 100 })

/** Requests that are answered at another time than the others. */
const except = (requests: ReadonlyArray<Request>, answer: Answer, others: Readonly<Record<number, Answer>>) =>
  requests.map((_, i) => others[i] ?? answer)

/** Scheduling §11.4. */
const oldests: ReadonlyArray<Scenario> = [
  {
    number: "74a",
    idea: "simple sequence",
    model: model(8, oldestBatching(10)),
    requests: sequence(1001, 9),
    answers: sequence(1001, 9).map((_, i) => 10 * (i + 1)),
    executions: { 1: 9 },
    counts: [9, 9]
  },
  {
    number: "74b",
    idea: "sequence of one request",
    model: model(8, oldestBatching(10)),
    requests: sequence(1001, 1),
    answers: [10],
    executions: { 1: 1 },
    counts: [1, 1]
  },
  held("75", "parallel sequences", oldest, parallel, { 3: 1, 4: 2 }, {
    answers: except(parallel, 0, { 4: 5000, 7: 5000, 10: 5000 }),
    members: ["^1001 ^1002 ^1003 ^1004", "1001$ 1002 1003 1004", "1002$ 1003$ 1004$"]
  }),
  held("76", "runs shapes that differ apart", model(8, oldestBatching(5000), free), differing((i) => i === 0 ? 2 : 3), {
    1: 11
  }, { answers: except(parallel, 0, { 10: 5000 }) }),
  held(
    "77",
    "lets shapes that differ share a ragged batch",
    model(8, oldestBatching(5000), ragged),
    differing((i) => i === 0 ? 2 : 3),
    { 3: 1, 4: 2 },
    { answers: except(parallel, 0, { 4: 5000, 7: 5000, 10: 5000 }) }
  ),
  held("78", "makes a sequence wait for a slot", oldest, beyond, { 1: 3, 4: 3 }, {
    answers: except(beyond, 0, { 12: 5000, 13: 10_000, 14: 15_000 })
  }),
  held("79", "fills slots that come free", oldest, [...filled, ...sequence(1006, 1, { at: 3000 })], { 4: 3 }),
  {
    ...held("80", "fills a slot with a sequence that is not complete", oldest, incomplete, { 1: 2, 4: 3 }),
    requests: [...incomplete, step(5000, "$", 1006)],
    answers: [...except(incomplete, 3000, { 12: 8000 }), 13_000],
    counts: [14, 14]
  },
  {
    number: "81",
    ...idle(
      model(8, oldestBatching(0)),
      [0, 0, 0, 0, 5000, 5000, 2500, 2501, 2502, noStart(6000, 1001), 6001, 6002, 6003],
      { 1: 8, 4: 1 }
    )
  },
  held("82", "has one step of a sequence in flight", model(8, { oldest: {} }), sequence(1001, 3), { 1: 3 }, {
    members: ["^1001", "1001", "1001$"]
  }),
  ...([[false, [400, 800, 100, 200]], [true, [400, 800, 400, 400]]] as const).map(([keeps, answers], i) =>
    held(
      `83${"ab"[i]}`,
      `preserve_ordering ${keeps}`,
      ordered(keeps),
      [...sequence(1001, 2), ...sequence(1002, 2)],
      { 1: 4 },
      { answers }
    )
  )
]

export const scenarios: ReadonlyArray<Scenario> = [...directs, ...oldests]
