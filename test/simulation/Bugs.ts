/** Schedulers with one bug each, to see that the simulator finds it. */
import { Context, Duration, Effect, Scope } from "effect"
import * as BatchPolicy from "../../src/layers/scheduling/BatchPolicy.ts"
import { DeadlineHeap } from "../../src/layers/scheduling/internal/DeadlineHeap.ts"
import type { Entry } from "../../src/layers/scheduling/internal/Entry.ts"
import { Lateness } from "../../src/layers/scheduling/internal/Lateness.ts"
import { Pace } from "../../src/layers/scheduling/internal/Pace.ts"
import { RequestQueue } from "../../src/layers/scheduling/internal/RequestQueue.ts"
import { WaitingLine } from "../../src/layers/scheduling/internal/WaitingLine.ts"
import type { DynamicBatching } from "../../src/schema/ModelConfig.ts"
import type { LentInstance } from "../../src/services/Executor.ts"
import type { ModelScheduler } from "../../src/services/Scheduler.ts"
import type { Property } from "./Model.ts"
import { unit } from "./Plan.ts"
import { type Opening, type Subject, subject } from "./Simulation.ts"

export interface Bug {
  readonly name: string
  /** The property that it breaks. */
  readonly breaks: Property
  readonly profile: string
  readonly subject: Subject
  /** Plants what is no option of the scheduler; returns what takes it out again. */
  readonly plant?: () => () => void
}

const opened = (change: (opening: Opening) => Partial<Opening>): Subject => (opening) =>
  subject({ ...opening, ...change(opening) })

const lent = (change: (instance: LentInstance) => Partial<LentInstance>): Subject =>
  opened(({ version }) => ({
    version: {
      ...version,
      instances: {
        ...version.instances,
        lend: Effect.map(version.instances.lend, (instance) => ({ ...instance, ...change(instance) }))
      }
    }
  }))

const configured = (change: (batching: DynamicBatching) => Partial<DynamicBatching>): Subject =>
  opened(({ version }) => {
    const batching = version.config.dynamic_batching!
    return {
      version: { ...version, config: { ...version.config, dynamic_batching: { ...batching, ...change(batching) } } }
    }
  })

const policy = (make: (opening: Opening) => Opening["options"]["policy"]): Subject =>
  opened((opening) => {
    const policy = make(opening)
    return { options: { ...opening.options, ...(policy === undefined ? {} : { policy }) } }
  })

const delayed = (units: (delay: number) => number): Subject =>
  policy(({ plan }) => () =>
    BatchPolicy.maxQueueDelay(Duration.nanos(BigInt(units(plan.delay) * unit)), plan.preferred)
  )

const submitting = (change: (submit: ModelScheduler["submit"]) => ModelScheduler["submit"]): Subject => (opening) =>
  Effect.map(subject(opening), (scheduler) => ({ ...scheduler, submit: change(scheduler.submit) }))

/** Replaces a method of a class. */
const patched = <A extends object, Name extends keyof A>(
  prototype: A,
  name: Name,
  change: (original: A[Name]) => A[Name]
) =>
(): () => void => {
  const original = prototype[name]
  prototype[name] = change(original)
  return () => {
    prototype[name] = original
  }
}

export const bugs: ReadonlyArray<Bug> = [
  {
    name: "runs some requests a second time",
    breaks: "once",
    profile: "batches",
    subject: lent(({ accepts, start }) => ({
      start: (inputs, outputs, done) => {
        const run = start(inputs, outputs, done)
        if (accepts()) start(inputs, outputs, () => {})
        return run
      }
    }))
  },
  {
    name: "gives callers each other's rows",
    breaks: "own-result",
    profile: "batches-tensors",
    subject: opened(({ layout }) => ({
      layout: { ...layout, scatter: (...args) => layout.scatter(...args).toReversed() }
    }))
  },
  {
    name: "fills batches beyond the largest",
    breaks: "maximum",
    profile: "batches",
    subject: opened(({ version }) => ({
      version: { ...version, config: { ...version.config, max_batch_size: version.config.max_batch_size + 1 } }
    }))
  },
  {
    name: "ignores shapes",
    breaks: "keys",
    profile: "batches",
    subject: opened(({ layout }) => ({ layout: { ...layout, sameKey: () => true } }))
  },
  {
    name: "puts what it takes back at the end of the line",
    breaks: "order",
    profile: "batches-accidents",
    subject,
    plant: patched(WaitingLine.prototype, "rejoin", () =>
      function(this: WaitingLine<Entry>, value) {
        return this.join(value)
      })
  },
  {
    name: "ignores priorities",
    breaks: "order",
    profile: "batches-policies",
    subject,
    plant: patched(RequestQueue.prototype, "levelOf", (levelOf) =>
      function(this: RequestQueue, job) {
        return levelOf.call(this, { ...job, priority: 0 })
      })
  },
  {
    name: "forgets some timeouts",
    breaks: "not-expired",
    profile: "batches-policies",
    subject,
    plant: patched(DeadlineHeap.prototype, "add", (add) =>
      function(this: DeadlineHeap, entry, living) {
        if (entry.order % 3 !== 0) add.call(this, entry, living)
      })
  },
  {
    name: "looks at timeouts late",
    breaks: "timeout",
    profile: "batches-policies",
    subject,
    plant: patched(DeadlineHeap.prototype, "next", (next) =>
      function(this: DeadlineHeap) {
        return next.call(this) + unit
      })
  },
  {
    name: "runs what was cancelled",
    breaks: "not-cancelled",
    profile: "direct-accidents",
    subject: submitting((submit) => (job) => Effect.uninterruptible(submit(job)))
  },
  {
    name: "gives an instance more than it takes",
    breaks: "one-at-a-time",
    profile: "direct",
    subject: lent(() => ({ accepts: () => true }))
  },
  {
    name: "keeps lost instances",
    breaks: "lanes",
    profile: "direct-accidents",
    subject: lent(() => ({ lost: Effect.never }))
  },
  {
    name: "takes one request too many",
    breaks: "bounds",
    profile: "direct",
    subject: (opening) =>
      subject({ ...opening, plan: { ...opening.plan, maxQueueSize: opening.plan.maxQueueSize + 1 } })
  },
  {
    name: "takes one request too few of a priority",
    breaks: "bounds",
    profile: "batches-policies",
    subject: configured(({ default_queue_policy, priority_queue_policy }) => {
      const fewer = (policy: NonNullable<typeof default_queue_policy>) => ({
        ...policy,
        max_queue_size: policy.max_queue_size > 1 ? policy.max_queue_size - 1 : policy.max_queue_size
      })
      return {
        ...(default_queue_policy === undefined ? {} : { default_queue_policy: fewer(default_queue_policy) }),
        priority_queue_policy: Object.fromEntries(
          Object.entries(priority_queue_policy).map(([level, policy]) => [level, fewer(policy)])
        )
      }
    })
  },
  {
    name: "waits for full batches for ever",
    breaks: "no-deadlock",
    profile: "batches",
    subject: policy(() => () =>
      BatchPolicy.make(({ maxRows, rows }) =>
        rows === maxRows ? BatchPolicy.leave(rows) : BatchPolicy.wait(maxRows, Infinity)
      )
    )
  },
  { name: "waits longer than the delay", breaks: "leaves", profile: "batches", subject: delayed((delay) => 2 * delay) },
  {
    name: "lets no batch lie ready",
    breaks: "leaves",
    profile: "batches",
    subject: lent(({ start }) => {
      let runs = 0
      return {
        accepts: () => runs === 0,
        start: (inputs, outputs, done) => {
          runs++
          return start(inputs, outputs, (exit) => {
            runs--
            done(exit)
          })
        }
      }
    })
  },
  {
    name: "takes nothing back",
    breaks: "leaves",
    profile: "direct",
    subject: lent(({ start }) => ({ start: (...args) => (start(...args), { withdraw: () => false }) }))
  },
  {
    name: "gives everything to one of several idle instances",
    breaks: "gathers",
    profile: "batches",
    subject: policy(({ plan }) =>
      plan.delay > 0 || plan.preferred.length > 0
        ? undefined
        : () => BatchPolicy.make(({ rows }) => BatchPolicy.leave(rows))
    )
  },
  { name: "does not gather", breaks: "gathers", profile: "batches", subject: delayed(() => 0) },
  {
    name: "answers as runs end although the order is to be kept",
    breaks: "ordering",
    profile: "batches",
    subject: configured(() => ({ preserve_ordering: false }))
  },
  {
    name: "keeps answers back",
    breaks: "prompt",
    profile: "direct",
    subject: submitting((submit) => (job) => Effect.tap(submit(job), () => Effect.sleep(Duration.nanos(BigInt(unit)))))
  },
  {
    name: "does not count executions",
    breaks: "statistics",
    profile: "batches",
    subject: opened(({ version }) => ({
      version: { ...version, statistics: Object.assign(Object.create(version.statistics), { executed: () => {} }) }
    }))
  },
  {
    name: "keeps the memory of batches",
    breaks: "released",
    profile: "batches-tensors",
    subject: opened(({ layout }) => ({
      layout: { ...layout, gather: (jobs) => ({ ...layout.gather(jobs), release: () => {} }) }
    }))
  },
  {
    name: "keeps results",
    breaks: "released",
    profile: "batches-tensors",
    subject: opened(({ layout }) => ({
      layout: {
        ...layout,
        scatter: (jobs, batch, result) => layout.scatter(jobs, batch, { ...result, release: () => {} })
      }
    }))
  },
  {
    name: "goes on when its scope closes",
    breaks: "closing",
    profile: "batches",
    subject: (opening) => Effect.provideContext(subject(opening), Context.make(Scope.Scope, Scope.makeUnsafe()))
  },
  {
    name: "takes whoever comes, however many wait",
    breaks: "late",
    profile: "batches-accidents",
    subject,
    plant: patched(Lateness.prototype, "refusal", () => () => undefined)
  },
  {
    name: "turns requests away by the deadline as soon as one waits",
    breaks: "late",
    profile: "direct-accidents",
    subject,
    plant: patched(Pace.prototype, "answerNanos", () => () => Infinity)
  },
  {
    name: "runs those that are too late before others",
    breaks: "late",
    profile: "direct-accidents",
    subject,
    plant: patched(Lateness.prototype, "soonest", () => () => -Infinity)
  },
  {
    name: "lets requests make way although there is time for them",
    breaks: "timeout",
    profile: "batches-accidents",
    subject,
    plant: patched(Lateness.prototype, "soonest", () => () => Infinity)
  },
  {
    name: "never forgets a slow hour",
    breaks: "late",
    profile: "direct-accidents",
    subject,
    plant: patched(Pace.prototype, "left", (left) =>
      function(this: Pace, requests, at, others) {
        if (others) left.call(this, requests, at, others)
      })
  }
]
