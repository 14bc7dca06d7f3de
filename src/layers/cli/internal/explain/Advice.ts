/** What the settings of a model cost with the requests that it gets, each with the setting to change. */
import { busyFrom, enoughRequests, type Facts } from "./Facts.ts"
import { count, counted, digits, list, percent, time } from "./Wording.ts"

/** Batches count as full from this part of `max_batch_size` on. */
const fullFrom = 0.9
/** Fewer batches than this say nothing about sizes that did not occur. */
const enoughBatches = 20
/** Instances that compute less than this part of the time are more than are needed. */
const idleBelow = 0.25

type Rule = (facts: Facts) => string | undefined

/** Requests could share batches by the settings and by their size. */
const batches = ({ rowsPerRequest, settings }: Facts): boolean =>
  settings.scheduling === "dynamic" && settings.maxBatchSize > 1 && rowsPerRequest < settings.maxBatchSize
const alone = ({ requestsPerBatch }: Facts): boolean => requestsPerBatch > 0 && requestsPerBatch < 1.02
/** Requests wait so long that others must have come meanwhile. */
const crowded = ({ queueShare, waitingFor }: Facts): boolean => waitingFor === "instance" && queueShare >= 0.3

const batchingOff: Rule = ({ queueShare, settings, waitingFor }) =>
  settings.scheduling === "none" && settings.maxBatchSize > 1 && waitingFor !== "nothing"
    ? `Requests wait ${
      percent(queueShare)
    } of their time for a model that could run ${settings.maxBatchSize} rows at once: ` +
      "add `dynamic_batching { }` to config.pbtxt."
    : undefined

const noBatches: Rule = (facts) =>
  facts.settings.scheduling === "none" && facts.settings.maxBatchSize === 0 && crowded(facts)
    ? "Requests wait and cannot share a run. Where the first dimension of every tensor is the batch, take it off `dims`, set " +
      "`max_batch_size` and add `dynamic_batching { }`; otherwise raise `count` in instance_group."
    : undefined

const vainDelay: Rule = (facts) =>
  batches(facts) && alone(facts) && facts.waitingFor === "delay"
    ? `Every batch held one request, although each may wait up to ${
      time(facts.settings.maxQueueDelayMicros)
    } for others: the ` +
      `delay costs ${
        time(facts.queueMicros)
      } a request and buys nothing. Set \`max_queue_delay_microseconds: 0\`, or send more ` +
      "requests at the same time."
    : undefined

const doNotFit: Rule = (facts) =>
  batches(facts) && alone(facts) && crowded(facts)
    ? "Every batch held one request, although requests waited for each other: they do not fit together. Send them with the same " +
      `shapes, and with few enough rows that two fit into max_batch_size (${facts.settings.maxBatchSize}).`
    : undefined

const oneByOne: Rule = (facts) =>
  batches(facts) && alone(facts) && facts.settings.maxQueueDelayMicros === 0 && !crowded(facts)
    ? "Every batch held one request: they come one by one, slower than the model answers. Answers are as fast as they can be; " +
      `to save compute at their cost, let a batch wait, such as \`max_queue_delay_microseconds: ${
        suggestedDelay(facts)
      }\`.`
    : undefined

/** A fifth of a run, rounded to one digit, so that answers take a fifth longer at most. */
const suggestedDelay = ({ computeMicros }: Facts): number => {
  const fifth = Math.max(100, computeMicros / 5)
  const unit = 10 ** Math.floor(Math.log10(fifth))
  return Math.round(fifth / unit) * unit
}

const requestsFillBatches: Rule = (facts) =>
  facts.settings.scheduling === "dynamic" && facts.settings.maxBatchSize > 1 &&
    facts.rowsPerRequest >= facts.settings.maxBatchSize
    ? `Each request fills a batch by itself (max_batch_size is ${facts.settings.maxBatchSize}), so none can join it. Raise ` +
      "`max_batch_size` if the model is faster with more rows, or send fewer rows a request."
    : undefined

const fullAndWaiting: Rule = (facts) =>
  batches(facts) && !alone(facts) && facts.fullness >= fullFrom && facts.queueMicros > facts.computeMicros
    ? `Batches are full (${
      digits(facts.rowsPerBatch)
    } rows of ${facts.settings.maxBatchSize}) and requests still wait longer than ` +
      "they compute: raise `max_batch_size` if the model takes more rows, or `count` in instance_group if cores are free."
    : undefined

const neverPreferred: Rule = (facts) => {
  const { counts, settings } = facts
  if (!batches(facts) || alone(facts) || counts.executions < enoughBatches) return undefined
  const missing = settings.preferredBatchSizes.filter((size) => !counts.batches.some(({ rows }) => rows === size))
  if (missing.length === 0) return undefined
  const largest = counts.batches.at(-1)?.rows ?? 0
  const delay = settings.maxQueueDelayMicros
  if (missing.length === settings.preferredBatchSizes.length && delay > 0) {
    return `None of ${count(counts.executions)} batches reached a preferred size (${
      list(missing, "or")
    } rows; the largest had ` +
      `${largest}), so each may have waited ${
        time(delay)
      } for it: name sizes that do occur in \`preferred_batch_size\`, or leave it out.`
  }
  return `None of ${count(counts.executions)} batches had ${
    list(missing, "or")
  } rows, which preferred_batch_size asks for (the ` +
    `largest had ${largest}): take ${missing.length === 1 ? "it" : "them"} out of \`preferred_batch_size\`, or ` +
    `${delay === 0 ? "let batches wait for more with" : "raise"} \`max_queue_delay_microseconds\`.`
}

const costlyDelay: Rule = (facts) =>
  batches(facts) && !alone(facts) && facts.waitingFor === "delay" && facts.queueShare >= 0.2
    ? `max_queue_delay_microseconds (${time(facts.settings.maxQueueDelayMicros)}) is ${
      percent(facts.queueShare)
    } of an answer's ` +
      `time and brings batches of ${
        digits(facts.rowsPerBatch)
      } rows. Lower it for faster answers; keep it where throughput counts more.`
    : undefined

const alwaysBusy: Rule = (facts) => {
  const { busy, settings } = facts
  if (busy === undefined || busy < busyFrom || settings.scheduling === "ensemble") return undefined
  const who = settings.instances === 1 ? "The one instance computes" : `All ${settings.instances} instances compute`
  const fuller = batches(facts) && facts.fullness < fullFrom
    ? " Fuller batches do more in the same time: raise `max_queue_delay_microseconds`."
    : ""
  return `${who} all the time (${
    percent(busy)
  }), so what comes meanwhile waits: raise \`count\` in instance_group if cores are ` +
    `free.${fuller}`
}

const idleInstances: Rule = (facts) => {
  const { busy, settings, waitingFor } = facts
  if (busy === undefined || busy >= idleBelow || settings.instances < 2 || waitingFor === "instance") return undefined
  const needed = Math.max(1, Math.ceil(busy * settings.instances * 2))
  if (needed >= settings.instances) return undefined
  const taken = batches(facts) && alone(facts)
    ? " While some are idle, each request gets one of its own and batches never form."
    : ""
  return `${settings.instances} instances compute ${
    percent(busy)
  } of the time: \`count: ${needed}\` in instance_group would do, ` +
    `and leave memory and cores to others.${taken}`
}

const ordering: Rule = ({ settings }) =>
  settings.scheduling === "dynamic" && settings.preserveOrdering && settings.instances > 1
    ? "preserve_ordering holds answers back until earlier ones are ready, on any of " +
      `${settings.instances} instances: set \`preserve_ordering: false\` if no client needs the order.`
    : undefined

const failing: Rule = ({ counts }) =>
  counts.failures === 0
    ? undefined
    : `${counted(counts.failures, "request")} of ${
      count(counts.requests + counts.failures)
    } failed. Where they ran out of time in ` +
      "the queue, see `default_queue_policy`; otherwise the log of the server and the answers say why."

const rules: ReadonlyArray<Rule> = [
  batchingOff,
  noBatches,
  alwaysBusy,
  fullAndWaiting,
  requestsFillBatches,
  vainDelay,
  doNotFit,
  oneByOne,
  costlyDelay,
  neverPreferred,
  idleInstances,
  ordering
]

/** Sentences, the weightiest first; empty where nothing stands out. @internal */
export const advice = (facts: Facts): ReadonlyArray<string> => {
  const { requests } = facts.counts
  const said = requests > 0 && requests < enoughRequests
    ? [
      failing(facts),
      `${counted(requests, "request")} ${
        requests === 1 ? "is" : "are"
      } too few to judge the settings by. Ask again under the usual load.`
    ]
    : [failing, ...rules].map((rule) => rule(facts))
  return said.filter((sentence) => sentence !== undefined)
}
