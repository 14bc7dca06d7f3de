/** What the examples share as programs: which server they ask, and how they end. */
import { type AnyModels, connect, type InferenceClient, InferenceServerError } from "../src/client/Client.ts"

/** The server to ask: the first argument, else `GALATEA_URL`, else the default port on this machine. */
export const serverUrl = (): string => process.argv[2] ?? process.env["GALATEA_URL"] ?? "http://127.0.0.1:8000"

/** A client of that server that knows these models. Outside this repository, `connect` comes from `galatea/client`. */
export const clientOf = <const Models extends AnyModels>(models: Models): InferenceClient<Models> =>
  connect(serverUrl(), { models })

/** Prints why the example failed and ends it with exit code 1. */
export const fail = (reason: string): never => {
  console.error(`failed: ${reason}`)
  process.exit(1)
}

/** Ends the program with one sentence where no server answers, or the server refuses. */
export const orFail = (error: unknown): never => {
  if (!(error instanceof InferenceServerError)) throw error
  return fail(
    error.code === "UNREACHABLE"
      ? `${error.message}. Start a server with "npm start", or name its URL.`
      : error.message
  )
}
