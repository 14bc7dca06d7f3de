/** What an answer with an error status means. Source: protocol §1.1, §2.3. */
import { type ErrorCode, InferenceServerError } from "../../InferenceServerError.ts"
import type { Answer } from "./Operation.ts"

const codes: Readonly<Record<number, ErrorCode>> = {
  400: "INVALID_ARG",
  401: "UNAUTHORIZED",
  403: "UNAUTHORIZED",
  404: "NOT_FOUND",
  405: "UNSUPPORTED",
  407: "UNAUTHORIZED",
  408: "DEADLINE_EXCEEDED",
  409: "ABORTED",
  413: "INVALID_ARG",
  429: "UNAVAILABLE",
  500: "INTERNAL",
  501: "UNSUPPORTED",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED"
}

/** A server or a proxy that is full, restarting or not there yet. */
const retryable: ReadonlySet<number> = new Set([429, 502, 503])

const longestText = 500

/** The sentence of the body: `error` of the JSON, or the text where it is no JSON, as a proxy sends it. */
const messageOf = (request: string, { body, status }: Answer): string => {
  const text = new TextDecoder().decode(body).trim()
  try {
    const json: unknown = JSON.parse(text)
    if (typeof json === "object" && json !== null && "error" in json && typeof json.error === "string") {
      return json.error
    }
  } catch {
    // No JSON: the text itself is told.
  }
  const told = text.length > longestText ? `${text.slice(0, longestText)}…` : text
  return `${request} was answered with ${status}${told === "" ? "" : `: ${told}`}`
}

/** Seconds or a date; `now` in milliseconds since 1970. @internal */
export const retryAfterMillis = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined) return undefined
  if (/^\s*\d+(\.\d+)?\s*$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/** The error of an answer that is not 200. @internal */
export const errorOf = (request: string, answer: Answer): InferenceServerError => {
  const { status } = answer
  const header = answer.header("retry-after")
  return new InferenceServerError(messageOf(request, answer), {
    code: codes[status] ?? (status >= 500 ? "INTERNAL" : "UNEXPECTED_ANSWER"),
    request,
    status,
    retryable: retryable.has(status),
    // @effect-diagnostics-next-line globalDate:off -- nothing of Effect is loaded here
    retryAfterMillis: retryAfterMillis(header, Date.now())
  })
}
