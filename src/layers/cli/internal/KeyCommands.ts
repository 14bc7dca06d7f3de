/** The commands about API keys: their flags and their help. */
import { Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import * as Key from "../Key.ts"
import type { Output } from "./Output.ts"

/** @internal */
export const make = (environment: { readonly output: Output }) => {
  const create = Command.make(
    "create",
    {
      id: Argument.String("id").pipe(Argument.withDescription("Name of the key in the file and in the log")),
      models: Flag.String("models").pipe(
        Flag.withMetavar("<name,…>"),
        Flag.atLeast(1),
        Flag.withDescription("Models that it is for; * stands for any characters")
      ),
      verbs: Flag.String("verbs").pipe(
        Flag.withMetavar("<verb,…>"),
        Flag.atLeast(1),
        Flag.withDescription("What it may do with them: infer, read, admin")
      ),
      expires: Flag.String("expires").pipe(
        Flag.withMetavar("<moment>"),
        Flag.optional,
        Flag.withDescription("When it ends, such as 2030-12-31T00:00:00Z (default: never)")
      ),
      requestsPerSecond: Flag.Finite("rate").pipe(
        Flag.optional,
        Flag.withDescription("Requests per second of its own (default: --client-rate-limit of the server)")
      ),
      burst: Flag.Int("burst").pipe(Flag.optional, Flag.withDescription("Requests at once after a pause, with --rate")),
      quota: Flag.Int("quota").pipe(
        Flag.optional,
        Flag.withDescription("Requests within the window of its own (default: --client-quota of the server)")
      ),
      quotaWindowSeconds: Flag.Int("quota-window-secs").pipe(
        Flag.withDefault(86_400),
        Flag.withDescription("That window (default: 86400, a day)")
      )
    },
    ({ burst, expires, quota, requestsPerSecond, ...rest }) =>
      Key.create({
        ...rest,
        expires: Option.getOrUndefined(expires),
        requestsPerSecond: Option.getOrUndefined(requestsPerSecond),
        burst: Option.getOrUndefined(burst),
        quota: Option.getOrUndefined(quota)
      }, environment)
  ).pipe(
    Command.withDescription("Make an API key: print it once, and the entry for the file of --api-keys-file"),
    Command.withExamples([
      { command: "galatea key create team-a --models 'resnet*,bert' --verbs infer,read" },
      { command: "galatea key create operator --models '*' --verbs infer,read,admin --expires 2030-12-31T00:00:00Z" }
    ])
  )
  return Command.make("key").pipe(Command.withDescription("API keys of a server"), Command.withSubcommands([create]))
}
