/** Addresses of servers, and what is said where nobody answers. */
import { InferenceServerError } from "../../InferenceServerError.ts"

/** The address without a slash at its end; `http://` may be left out. @internal */
export const serverUrl = (url: string | URL): string => {
  const text = String(url)
  const whole = text.includes("://") ? text : `http://${text}`
  const wrong = (message: string) => new InferenceServerError(message, { code: "INVALID_ARG", request: "connect" })
  if (!URL.canParse(whole) || !/^https?:\/\//i.test(whole)) {
    throw wrong(`'${text}' is no address of a server, such as http://localhost:8000`)
  }
  const { host, pathname, protocol, username } = new URL(whole)
  if (username !== "") {
    throw wrong(`the address of ${host} holds a user name; send it as a header: { authorization: "Basic …" }`)
  }
  return `${protocol}//${host}${pathname.replace(/\/+$/, "")}`
}

/** What the innermost cause says in one word, such as `ECONNREFUSED`, or in its own. */
const reasonOf = (error: unknown): string | undefined => {
  let reason: string | undefined
  for (
    let cause = error;
    typeof cause === "object" && cause !== null;
    cause = "cause" in cause ? cause.cause : undefined
  ) {
    if ("code" in cause && typeof cause.code === "string") reason = cause.code
    else if (cause instanceof Error && cause.message !== "") reason = cause.message
  }
  return reason
}

/** No answer came: the address is wrong, no server listens, or the connection broke. @internal */
export const unreachable = (base: string, request: string, cause: unknown): InferenceServerError => {
  const reason = reasonOf(cause)
  return new InferenceServerError(`no answer from ${base}${reason === undefined ? "" : `: ${reason}`}`, {
    code: "UNREACHABLE",
    request,
    retryable: true,
    cause
  })
}
