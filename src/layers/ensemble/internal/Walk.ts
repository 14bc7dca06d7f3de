/** The walk of one request through the graph of its ensemble: what to ask which step, and what comes of its answers. */
import { Result } from "effect"
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import { InvalidRequest } from "../../../schema/Errors.ts"
import type { InferenceRequest, InferenceResponse, Parameter, SequenceStep, Tensor } from "../../../schema/Inference.ts"
import type { SignatureTensor } from "../../../schema/ModelSignature.ts"
import type { Model } from "../../../services/ModelRepository.ts"
import type { Job, JobFailure } from "../../../services/Scheduler.ts"
import type { PlannedStep, StepOutput } from "../EnsemblePlan.ts"
import { absent, Board, isPresent, skipped } from "./Board.ts"
import * as Condition from "./Condition.ts"
import * as Divide from "./Divide.ts"
import type { Ensemble } from "./Ensemble.ts"
import { fit } from "./Fit.ts"
import * as Gather from "./Gather.ts"
import { PartAnswers } from "./PartAnswers.ts"
import type { Selection } from "./Selection.ts"
import * as StepFailure from "./StepFailure.ts"
import * as StepSequence from "./StepSequence.ts"

/** One request to a step. @category models */
export interface Task {
  readonly step: PlannedStep
  /** Which part of its divided inputs it brings. */
  readonly part: number
  /** `undefined`: the step is asked once. */
  readonly division: Divide.Division | undefined
}

/** What may be asked next, or why the ensemble fails. @category models */
export type Next = Result.Result<ReadonlyArray<Task>, JobFailure>

const noParameters: ReadonlyMap<string, Parameter> = new Map()
const nothing: Next = Result.succeed([])

/** @category models */
export class Walk {
  /** Sums over all answers of steps. */
  computeInputNanos = 0
  computeInferNanos = 0
  computeOutputNanos = 0
  private readonly board: Board
  private parts: PartAnswers | undefined = undefined
  /** What answers of steps say about the sequence of those who read them. */
  private overrides: Array<SequenceStep | undefined> | undefined = undefined
  private hasSkipped = false
  private readonly ensemble: Ensemble
  private readonly selection: Selection
  private readonly job: Job
  /** For each step that runs. */
  private readonly models: ReadonlyArray<Model | undefined>

  constructor(ensemble: Ensemble, selection: Selection, job: Job, models: ReadonlyArray<Model | undefined>) {
    this.ensemble = ensemble
    this.selection = selection
    this.job = job
    this.models = models
    this.board = new Board(ensemble.plan, selection)
  }

  /** The model that answers a step. */
  modelOf({ index }: PlannedStep): Model {
    return this.models[index]!
  }

  /** Puts the inputs of the request in. */
  begin(): Next {
    const { board, ensemble: { axes, plan }, job } = this
    for (let i = 0; i < job.inputs.length; i++) {
      const input = job.inputs[i]!
      board.settle(plan.inputs.get(input.name)!, input, axes.get(input.name)!)
    }
    for (const tensor of plan.inputs.values()) {
      if (board.values[tensor] === undefined) board.settle(tensor, absent, BatchAxis.none)
    }
    return this.next()
  }

  /** What to ask the model of a step, with so many microseconds left; 0: without a deadline. */
  requestOf({ division, part, step }: Task, deadlineMicros: number): InferenceRequest {
    const { board, job } = this
    const { inputByName } = this.modelOf(step).signature
    const inputs: Array<Tensor> = []
    for (let i = 0; i < step.inputs.length; i++) {
      const { name, tensor } = step.inputs[i]!
      const divided = division?.inputs[i]
      const value = divided === undefined ? board.values[tensor] : divided.tensors[part]
      if (!isPresent(value)) continue
      inputs.push(fit(value, divided === undefined ? board.axes[tensor]! : divided.axis, name, inputByName.get(name)))
    }
    return {
      id: job.request?.id ?? "",
      inputs,
      outputs: this.selection.requested[step.index]!,
      parameters: job.request?.parameters ?? noParameters,
      priority: job.priority,
      timeoutMicros: job.timeoutMicros,
      deadlineMicros,
      // Parts of one request are no steps of a sequence.
      sequence: division === undefined ? StepSequence.present(this.sequenceOf(step)) : undefined,
      trace: job.trace
    }
  }

  /** A step was answered: the answer is the walk's from now on. */
  answered({ division, part, step }: Task, answer: InferenceResponse): Next {
    const { timing } = answer
    this.computeInputNanos += timing.computeInputNanos
    this.computeInferNanos += timing.computeInferNanos
    this.computeOutputNanos += timing.computeOutputNanos
    if (division !== undefined) return this.collect(step, division.parts, part, answer)
    const { board } = this
    board.hold(step, answer)
    if (answer.parameters.size > 0) {
      const found = StepSequence.override(answer.parameters, this.sequenceOf(step))
      if (Result.isFailure(found)) return this.fail(step, found.failure)
      if (found.success !== undefined) {
        this.overrides ??= new Array<SequenceStep | undefined>(this.ensemble.plan.steps.length).fill(undefined)
        this.overrides[step.index] = found.success
      }
    }
    const { outputByName } = this.modelOf(step).signature
    for (let i = 0; i < step.outputs.length; i++) {
      const { name, tensor } = step.outputs[i]!
      board.settle(tensor, outputOf(answer, name) ?? absent, outputByName.get(name)?.batchAxis ?? BatchAxis.none)
    }
    board.over(step)
    return this.next()
  }

  /** The outputs that were asked for, as far as they are there; `undefined` where a step that would write one could not run. */
  outputs(): ReadonlyArray<Tensor> | undefined {
    const { board, ensemble: { places, plan }, selection } = this
    const outputs: Array<Tensor> = []
    for (let i = 0; i < selection.outputs.length; i++) {
      const tensor = selection.outputs[i]!
      const value = board.values[tensor]
      if (value === undefined) return undefined
      if (!isPresent(value)) continue
      const output = fit(value, board.axes[tensor]!, plan.tensors[tensor]!, places.get(tensor))
      // The request is its caller's again once it was answered.
      outputs.push(plan.writers[tensor] === -1 ? { ...output, data: new Uint8Array(output.data) } : output)
    }
    return outputs
  }

  /** The parameters of the answer: of which sequence the first output that a step wrote is. */
  parameters(): ReadonlyMap<string, Parameter> | undefined {
    const { writers, steps } = this.ensemble.plan
    for (const tensor of this.selection.outputs) {
      const writer = writers[tensor]!
      if (writer === -1 || !isPresent(this.board.values[tensor])) continue
      return StepSequence.parametersOf(this.overrides?.[writer] ?? this.sequenceOf(steps[writer]!))
    }
    return undefined
  }

  /** Hands over the memory under the outputs; all else is given back. */
  finish(): () => void {
    const release = this.board.takeBacking()
    this.releaseAll()
    return release
  }

  /** Gives back all that is held. */
  releaseAll(): void {
    this.board.releaseAll()
    this.parts?.releaseAll()
  }

  private sequenceOf(step: PlannedStep): SequenceStep | undefined {
    const { overrides } = this
    const own = this.job.request?.sequence
    if (overrides === undefined) return own
    let found: SequenceStep | undefined
    for (const source of step.sources) {
      const said = overrides[source]
      if (said === undefined) continue
      if (found === undefined) found = said
      else if (!StepSequence.equals(found, said)) this.ensemble.conflicting(step)
    }
    return found ?? own
  }

  /** What may run now; steps that are skipped, or have no parts, are over at once. */
  private next(): Next {
    const { ready } = this.board
    if (ready.length === 0) return nothing
    const tasks: Array<Task> = []
    for (let i = 0; i < ready.length; i++) {
      const step = ready[i]!
      const problem = this.enter(step, tasks)
      if (problem !== undefined) return this.fail(step, problem)
    }
    ready.length = 0
    return Result.succeed(tasks)
  }

  /** Gives the tasks of a step whose tensors are settled; or what is wrong with them. */
  private enter(step: PlannedStep, tasks: Array<Task>): string | undefined {
    if (step.condition !== undefined) {
      const { tensor } = step.condition
      const runs = Condition.decide(step.condition, this.board.values[tensor]!, this.ensemble.plan.tensors[tensor]!)
      if (typeof runs === "string") return runs
      if (!runs) return this.skip(step)
    }
    if (this.hasSkipped && this.lacks(step)) return this.skip(step)
    if (!step.divides) {
      tasks.push(this.ensemble.tasks[step.index]!)
      return undefined
    }
    const { plan } = this.ensemble
    const division = Divide.divide(plan, step, (tensor) => {
      const value = this.board.values[tensor]
      return isPresent(value) ? { ...value, name: plan.tensors[tensor]! } : undefined
    })
    if (Result.isFailure(division)) return division.failure
    const { parts } = division.success
    if (parts === 0) return this.gather(step, [])
    for (let part = 0; part < parts; part++) tasks.push({ step, part, division: division.success })
    return undefined
  }

  /** What a step cannot do without was not made, since the step that makes it was skipped. */
  private lacks(step: PlannedStep): boolean {
    const { values } = this.board
    const { inputByName } = this.modelOf(step).signature
    return step.inputs.some(({ divided, name, shapes, tensor }) =>
      (values[tensor] === skipped && (divided || inputByName.get(name)?.optional !== true)) ||
      (shapes !== -1 && values[shapes] === skipped)
    )
  }

  private skip(step: PlannedStep): undefined {
    this.hasSkipped = true
    this.job.trace?.leftOut?.({ model: step.model, index: step.index })
    this.leaveOut(step.outputs, skipped)
    this.board.over(step)
  }

  private leaveOut(outputs: ReadonlyArray<StepOutput>, value: Tensor): void {
    for (const { shapes, tensor } of outputs) {
      this.board.settle(tensor, value, BatchAxis.none)
      if (shapes !== -1) this.board.settle(shapes, value, BatchAxis.none)
    }
  }

  private collect(step: PlannedStep, count: number, part: number, answer: InferenceResponse): Next {
    const parts = this.parts ??= new PartAnswers()
    const answers = parts.add(step, count, part, answer)
    if (answers === undefined) return nothing
    const problem = this.gather(step, answers)
    if (problem !== undefined) return this.fail(step, problem)
    parts.release(step)
    return this.next()
  }

  /** Puts the answers to all parts of a step together; or says why they do not go together. */
  private gather(step: PlannedStep, answers: ReadonlyArray<InferenceResponse>): string | undefined {
    const { tensors } = this.ensemble.plan
    const { outputByName } = this.modelOf(step).signature
    const requested = this.selection.requested[step.index]!
    for (const output of step.outputs) {
      const { name, shapes, tensor } = output
      const spec = outputByName.get(name)
      const found = answers.map((answer) => outputOf(answer, name)).filter((each) => each !== undefined)
      const isLeftOut = answers.length > 0 && found.length === 0
      if (spec === undefined || isLeftOut || !requested.some((each) => each.name === name)) {
        this.leaveOut([output], absent)
        continue
      }
      if (found.length < answers.length) {
        return `tensor '${tensors[tensor]}' is in the answers to ${found.length} of ${answers.length} parts only`
      }
      const gathered = Gather.gather(
        { tensor: tensors[tensor]!, shapes: shapes === -1 ? undefined : tensors[shapes]!, spec },
        found
      )
      if (Result.isFailure(gathered)) return gathered.failure
      this.board.settle(tensor, gathered.success.tensor, rowAxis(spec, shapes))
      if (gathered.success.shapes !== undefined) this.board.settle(shapes, gathered.success.shapes, BatchAxis.none)
    }
    this.board.over(step)
    return undefined
  }

  private fail(step: PlannedStep, message: string): Next {
    return Result.fail(StepFailure.inEnsemble(this.ensemble.plan.name, step, new InvalidRequest({ message })))
  }
}

/** Rows of a model that batches are a batch. */
const rowAxis = ({ batchAxis }: SignatureTensor, shapes: number): number =>
  shapes === -1 && batchAxis !== BatchAxis.none ? 0 : BatchAxis.none

const outputOf = ({ outputs }: InferenceResponse, name: string): Tensor | undefined => {
  for (let i = 0; i < outputs.length; i++) if (outputs[i]!.name === name) return outputs[i]
  return undefined
}
