/** Process entry: composes the command line with the server and runs it. */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import * as Cli from "./layers/cli/Cli.ts"
import * as Output from "./layers/cli/internal/Output.ts"
