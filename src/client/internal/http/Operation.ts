/** One question to a server over HTTP: what is sent, and what its answer means. Whoever performs it brings the connection. */
import { InferenceServerError } from "../../InferenceServerError.ts"
import type { Bytes } from "../Elements.ts"
import { unexpected } from "../WireResponse.ts"
import { errorOf } from "./ErrorAnswer.ts"

/** @internal */
export interface Answer {
  readonly status: number
  readonly header: (name: string) => string | undefined
  /** The whole body, decompressed. */
  readonly body: Bytes
}

/** @internal */
export interface Operation<A> {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Bytes | undefined
  /** An inference: its body may be compressed, and its deadline is told. */
  readonly inference: boolean
  /** May be sent again when nobody knows whether it ran. */
  readonly repeatable: boolean
  /** What the answer says; throws `InferenceServerError`. */
  readonly read: (answer: Answer) => A
}

/** What is asked, for messages. @internal */
export const nameOf = ({ method, path }: { readonly method: string; readonly path: string }): string =>
  `${method} ${path}`

/** Reads a body of JSON; any status but 200 is an error. @internal */
export const readJson = (request: string, answer: Answer): unknown => {
  if (answer.status !== 200) throw errorOf(request, answer)
  const text = new TextDecoder().decode(answer.body)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new InferenceServerError(`${request} was answered with something that is no JSON`, {
      code: "UNEXPECTED_ANSWER",
      request,
      status: answer.status,
      cause
    })
  }
}

/** @internal */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Reads an object of JSON. @internal */
export const readObject = (request: string, answer: Answer): Readonly<Record<string, unknown>> => {
  const value = readJson(request, answer)
  if (isRecord(value)) return value
  throw unexpected(request, `${request} was answered with JSON that is no object`)
}
