/** Runs a custom model over what the mailbox asks for. Loaded by the worker. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import type { Answer, Inputs, NamedTensor } from "../../../schema/CustomModel.ts"
import * as DataType from "../../../schema/DataType.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import * as CustomAnswer from "./CustomAnswer.ts"
import * as CustomFailure from "./CustomFailure.ts"
import type { OpenModel } from "./CustomModule.ts"
import type { CustomStart } from "./CustomStart.ts"
import * as Mailbox from "./Mailbox.ts"
import type { RunBox } from "./RunQueue.ts"
import * as WorkerAnswer from "./WorkerAnswer.ts"

const { Request } = Mailbox

/** @category models */
export interface Options {
  readonly start: CustomStart
  readonly mailbox: RunBox
  readonly model: OpenModel
  /** What effects of the model run in. */
  readonly context: Context.Context<never>
  readonly log: (text: string) => void
}

type Outcome = Mailbox.AnswerMessage | undefined

/** What a function of a model gave, as an effect. What it throws is a defect. @category constructors */
export const effectOf = <A, E>(call: () => Effect.Effect<A, E> | Promise<A> | A): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const given = call()
    return Effect.isEffect(given)
      ? given as Effect.Effect<A, E>
      : given instanceof Promise
      ? Effect.promise(() => given)
      : Effect.succeed(given as A)
  })

/** @category models */
export class CustomRunner {
  private readonly options: Options
  private readonly fork: ReturnType<typeof Effect.runForkWith<never>>
  private readonly expected: CustomAnswer.Expected
  private readonly stateInputs: ReadonlySet<string>

  constructor(options: Options) {
    const { outputs, states } = options.start
    this.options = options
    this.fork = Effect.runForkWith(options.context)
    this.stateInputs = new Set(states.map((state) => state.input))
    this.expected = {
      model: options.start.instance.model,
      outputs: new Map(outputs.map((output) => [output.name, output])),
      states,
      stateNames: new Set(states.map((state) => state.output))
    }
  }

  /** Runs what the mailbox has begun. Gives the message that goes beside the answer, a promise of it where the model is not done at once. */
  run(): Outcome | Promise<Outcome> {
    const { mailbox, model, start } = this.options
    const started = performance.now()
    try {
      const { inputs, outputs, rows } = this.read()
      const context = { ...start.instance, outputs: outputs.map(({ name }) => name) }
      const ready = performance.now()
      const end = (exit: Exit.Exit<Answer, unknown>): Outcome => {
        try {
          if (Exit.isFailure(exit)) return this.failed(CustomFailure.ofCause(exit.cause))
          const answer = new WorkerAnswer.WorkerAnswer(mailbox, started, ready, performance.now())
          return this.write(answer, exit.value, inputs, outputs, rows)
        } catch (error) {
          return this.failed(CustomFailure.ofThrown(error))
        }
      }
      const fiber = this.fork(effectOf(() => model.run(inputs, context)))
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return end(exit)
      return new Promise((resolve) => fiber.addObserver((exit) => resolve(end(exit))))
    } catch (error) {
      return this.failed(CustomFailure.ofThrown(error))
    }
  }

  private failed({ defect, invalid, message }: CustomFailure.CustomFailure): Outcome {
    if (defect !== undefined) this.options.log(defect)
    return WorkerAnswer.failed(this.options.mailbox, invalid, message)
  }

  /** The inputs, the outputs asked for with the place of their entry in the request, and the rows of the batch. */
  private read() {
    const { mailbox, start } = this.options
    const { fields, inlineOffset } = mailbox
    let at: number = Request.entries
    let rows = -1
    const inputs: Record<string, Tensor> = Object.create(null)
    for (let i = 0; i < fields[Request.inputs]!; i++) {
      const index = fields[at]!
      const name = start.run.inputs[index]!
      const id = fields[at + 2]!
      const offset = fields[at + 3]! + (id === Mailbox.inlineMemory ? inlineOffset : 0)
      const rank = fields[at + 5]!
      const shape = Array.from(fields.subarray(at + Request.inputHead, at + Request.inputHead + rank))
      const data = new Uint8Array(mailbox.memory(id), offset, fields[at + 4]!)
      inputs[name] = {
        name,
        datatype: DataType.table[fields[at + 1]!]!.name,
        shape,
        // A state is the model's to write to: until the run has succeeded, only its copy changes.
        data: this.stateInputs.has(name) ? new Uint8Array(data) : data
      }
      const axis = start.inputAxes[index]!
      if (rows < 0 && axis !== BatchAxis.none) rows = shape[axis] ?? -1
      at += Request.inputHead + rank
    }
    const outputs: Array<{ readonly name: string; readonly index: number; readonly at: number }> = []
    for (let i = 0; i < fields[Request.outputs]!; i++) {
      const index = fields[at]!
      outputs.push({ name: start.run.outputs[index]!, index, at: at + 1 })
      at += Request.outputHead + fields[at + 4]!
    }
    return { inputs: inputs as Inputs, outputs, rows }
  }

  private write(
    answer: WorkerAnswer.WorkerAnswer,
    given: Answer,
    inputs: Inputs,
    outputs: ReturnType<CustomRunner["read"]>["outputs"],
    rows: number
  ): Outcome {
    const { start } = this.options
    const { parameters, tensors } = CustomAnswer.read(given, this.expected)
    for (const { at, index, name } of outputs) {
      const spec = start.outputs[index]!
      const tensor = tensors.get(name) ?? this.written(name, inputs)
      const datatype = DataType.table.findIndex((row) => row.name === spec.datatype)
      if (tensor === undefined) {
        answer.absent(datatype)
        continue
      }
      CustomAnswer.check(spec, start.outputAxes[index]!, rows, tensor)
      this.put(answer, at, datatype, tensor)
    }
    return answer.end(parameters)
  }

  /** What the run left in the input of a state whose output shares its memory. */
  private written(output: string, inputs: Inputs): NamedTensor | undefined {
    const state = this.options.start.states.find((state) => state.sameBuffer && state.output === output)
    return state === undefined ? undefined : inputs[state.input]
  }

  private put(answer: WorkerAnswer.WorkerAnswer, at: number, datatype: number, { data, shape }: NamedTensor): void {
    const { mailbox } = this.options
    const { fields, inlineOffset } = mailbox
    const id = fields[at]!
    if (id === Mailbox.none || fields[at + 2] !== data.byteLength) return answer.lent(data, datatype, shape)
    const offset = fields[at + 1]! + (id === Mailbox.inlineMemory ? inlineOffset : 0)
    new Uint8Array(mailbox.memory(id), offset, data.byteLength).set(data)
    answer.asked(at, datatype, shape)
  }
}
