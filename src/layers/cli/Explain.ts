/** `galatea explain`: asks a running server about a model, and says what its batcher does and what to change. */
import { Clock, Effect } from "effect"
import type { HttpClient } from "effect/http"
import { CliFailure } from "./CliFailure.ts"
import { explain as explainVersion, type Explanation } from "./internal/explain/Explanation.ts"
import * as ModelServer from "./internal/explain/ModelServer.ts"
import { between } from "./internal/explain/Reading.ts"
import { animate, type Output, styles } from "./internal/Output.ts"
import * as RunningServer from "./internal/RunningServer.ts"

/** @category models */
export interface Command extends RunningServer.Target {
  readonly model: string
  /** Explains what happens in so many seconds; `undefined`: what happened since the model was loaded. */
  readonly seconds: number | undefined
}

const failure = (message: string) => new CliFailure({ message: `galatea explain: ${message}\n` })

const render = ({ sections, title }: Explanation, output: Output): string => {
  const style = styles(output)
  return `${style.bold(title)}\n` +
    sections.map((section) =>
      `\n${style.cyan(section.title)}\n${section.sentences.map((sentence) => `  - ${sentence}\n`).join("")}`
    ).join("")
}

/** Explanations of all versions, by one reading or by the difference of two. */
const explanations = Effect.fnUntraced(function*(
  server: RunningServer.RunningServer,
  command: Command,
  output: Output
) {
  const { model, seconds } = command
  const settings = yield* ModelServer.settings(server, model)
  const first = yield* ModelServer.counts(server, model)
  if (seconds === undefined) return first.map((counts) => explainVersion(settings, counts, undefined))
  const began = yield* Clock.currentTimeNanos
  yield* Effect.scoped(
    Effect.andThen(animate(output, () => [`watching ${model} for ${seconds} s`]), Effect.sleep(seconds * 1000))
  )
  const second = yield* ModelServer.counts(server, model)
  const passed = Number((yield* Clock.currentTimeNanos) - began) / 1e9
  const made: Array<Explanation> = []
  for (const later of second) {
    const earlier = first.find(({ version }) => version === later.version)
    const difference = earlier === undefined ? undefined : between(earlier, later)
    if (difference === undefined) {
      return yield* failure(`'${model}' version ${later.version} was loaded between the two readings. Ask again.`)
    }
    made.push(explainVersion(settings, difference, passed))
  }
  return made
})

/** Fails with `CliFailure` when there is nothing to explain, or nobody to ask. @category commands */
export const explain = (
  command: Command,
  output: Output
): Effect.Effect<void, CliFailure, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const { seconds } = command
    if (seconds !== undefined && !(seconds > 0 && seconds <= 86400)) {
      return yield* failure(`--seconds takes a number above 0 and up to 86400, got ${seconds}.`)
    }
    const made = yield* RunningServer.connect(command).pipe(
      Effect.flatMap((server) => explanations(server, command, output)),
      Effect.catchTag("Unreadable", ({ message }) => Effect.fail(failure(message)))
    )
    output.out(made.map((one) => render(one, output)).join("\n"))
    if (!made.some(({ complete }) => complete)) return yield* new CliFailure({ message: "" })
    return undefined
  })

/** What `explain` asks with. @category layers */
export const layer = RunningServer.layer
