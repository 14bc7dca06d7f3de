/** The commands that ask a running server: their flags and their help. */
import { Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type * as Check from "../Check.ts"
import * as Codegen from "../Codegen.ts"
import * as Explain from "../Explain.ts"
import * as Infer from "../Infer.ts"
import * as Models from "../Models.ts"
import * as Top from "../Top.ts"
import * as RunningServer from "./RunningServer.ts"

/** @internal */
export const make = (environment: Check.Environment) => {
  const explain = Command.make(
    "explain",
    {
      model: Argument.String("model").pipe(Argument.withDescription("Name of the model")),
      ...RunningServer.flags,
      seconds: Flag.Finite("seconds").pipe(
        Flag.optional,
        Flag.withDescription("Take two readings so many seconds apart, and explain what happened in between")
      )
    },
    ({ headers, model, seconds, url }) =>
      Explain.explain({ model, url, headers, seconds: Option.getOrUndefined(seconds) }, environment.output)
  ).pipe(
    Command.provide(Explain.layer),
    Command.withDescription("Say what the batcher of a model does on a running server, and what to change"),
    Command.withExamples([
      { command: "galatea explain simple", description: "Since the model was loaded" },
      { command: "galatea explain simple --seconds 10 --url http://host:8000", description: "The next 10 seconds" }
    ])
  )

  const models = Command.make("models", RunningServer.flags, (flags) => Models.models(flags, environment.output)).pipe(
    Command.provide(Models.layer),
    Command.withDescription("List the models of a running server, with what each takes and gives"),
    Command.withExamples([{ command: "galatea models --url http://host:8000" }])
  )

  const top = Command.make(
    "top",
    {
      ...RunningServer.flags,
      metricsUrl: Flag.String("metrics-url").pipe(
        Flag.withMetavar("<host:port>"),
        Flag.optional,
        Flag.withDescription(
          "Address of the metrics, or a whole URL (default: where the server says; of Triton port 8002). --header is not sent there"
        )
      ),
      interval: Flag.Finite("interval").pipe(
        Flag.withDefault(2),
        Flag.withDescription("Seconds from one look to the next (default: 2)")
      ),
      sort: Flag.Literals("sort", Top.orders).pipe(
        Flag.withDefault("rate"),
        Flag.withDescription("What comes first (default: rate, the model with the most requests)")
      ),
      once: Flag.Boolean("once").pipe(
        Flag.withDefault(false),
        Flag.withoutNegation,
        Flag.withDescription("Print one table of one interval as plain text")
      )
    },
    ({ metricsUrl, ...flags }) =>
      Top.top({ ...flags, metricsUrl: Option.getOrUndefined(metricsUrl) }, environment.output)
  ).pipe(
    Command.provide(Top.layer),
    Command.withDescription(
      "Watch the models of a running server: requests, times, batches, queues, instances, errors. Keys: q, s, r, arrows"
    ),
    Command.withExamples([
      { command: "galatea top --url http://host:8000 --sort p99" },
      { command: "galatea top --once --interval 10", description: "One table of the next 10 seconds, for scripts" }
    ])
  )

  const infer = Command.make(
    "infer",
    {
      model: Argument.String("model").pipe(Argument.withDescription("Name of the model")),
      inputs: Flag.String("input").pipe(
        Flag.withMetavar("<name=value>"),
        Flag.atLeast(0),
        Flag.withDescription("Input: name=value, name=@file.npy or name=@file.json (once for each)")
      ),
      outputs: Flag.String("output").pipe(
        Flag.withMetavar("<name[=@file.npy]>"),
        Flag.atLeast(0),
        Flag.withDescription("Output to show, or to write to a file (default: all are shown)")
      ),
      version: Flag.String("model-version").pipe(
        Flag.optional,
        Flag.withDescription(
          "Version of the model, or a label of one (default: the highest that is ready, or what its rollout says)"
        )
      ),
      top: Flag.Int("top").pipe(
        Flag.optional,
        Flag.withDescription("Show the best so many classes instead of the outputs")
      ),
      sequenceId: Flag.String("sequence-id").pipe(
        Flag.withMetavar("<number or text>"),
        Flag.optional,
        Flag.withDescription("Sequence that the request is a step of; a number in double quotes is text")
      ),
      sequenceStart: Flag.Boolean("sequence-start").pipe(
        Flag.withDefault(false),
        Flag.withoutNegation,
        Flag.withDescription("It is the first step")
      ),
      sequenceEnd: Flag.Boolean("sequence-end").pipe(
        Flag.withDefault(false),
        Flag.withoutNegation,
        Flag.withDescription("It is the last step")
      ),
      json: Flag.Boolean("json").pipe(
        Flag.withDefault(false),
        Flag.withoutNegation,
        Flag.withDescription("Print the outputs as JSON")
      ),
      ...RunningServer.flags
    },
    ({ sequenceEnd: end, sequenceId: id, sequenceStart: start, top, version, ...flags }) =>
      Infer.infer(
        {
          ...flags,
          top: Option.getOrUndefined(top),
          version: Option.getOrUndefined(version),
          sequence: { id: Option.getOrUndefined(id), start, end }
        },
        environment.output
      )
  ).pipe(
    Command.provide(Infer.layer),
    Command.withDescription("Ask a model of a running server once, and show or save what it answers"),
    Command.withExamples([
      { command: "galatea infer simple --input INPUT0=@a.npy --input 'INPUT1=[[1,2,3]]' --output OUTPUT0=@sum.npy" },
      { command: "galatea infer classifier --input 0.1,0.7,0.2,0 --top 3", description: "A model with one input" },
      { command: "galatea infer accumulate --input 5 --sequence-id 1001 --sequence-start", description: "A first step" }
    ])
  )

  const codegen = Command.make(
    "codegen",
    {
      source: Argument.String("source").pipe(
        Argument.withDescription("Address of a running server, such as http://host:8000, or a model repository")
      ),
      file: Flag.String("out").pipe(
        Flag.withMetavar("<file.ts>"),
        Flag.optional,
        Flag.withDescription("Module to write (default: standard output)")
      ),
      check: Flag.Boolean("check").pipe(
        Flag.withDefault(false),
        Flag.withoutNegation,
        Flag.withDescription("Write nothing; say how the models drifted from the module, and exit with 1 if they did")
      ),
      headers: RunningServer.flags.headers
    },
    ({ file, ...flags }) => Codegen.codegen({ ...flags, file: Option.getOrUndefined(file) }, environment)
  ).pipe(
    Command.provide(Codegen.layer),
    Command.withDescription("Write a TypeScript module with the types of every model, for the client of this package"),
    Command.withExamples([
      { command: "galatea codegen http://host:8000 --out models.ts" },
      { command: "galatea codegen ./models --out models.ts --check", description: "In CI, from a repository" }
    ])
  )

  return [models, top, infer, explain, codegen] as const
}
