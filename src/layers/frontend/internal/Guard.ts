/** What front ends ask about access, and how they tell the answer. */
import { type Cause, Effect, type Exit } from "effect"
import type { Operation } from "../../../schema/Operations.ts"
import type { AccessState, Asker, Pass, Refused, Verdict } from "../../../services/Access.ts"
import { single } from "./HeaderValue.ts"

/** A call of a front end, as far as this needs it. @internal */
export interface Guarded {
  pass: Pass | undefined
  readonly run: <A, E>(effect: Effect.Effect<A, E>, onExit: (exit: Exit.Exit<A, E>) => void) => void
}

/** How calls that may not go on are answered. @internal */
export interface Answers<Call> {
  readonly refuse: (call: Call, refused: Refused) => void
  /** The deciding was interrupted. */
  readonly interrupted: (call: Call, cause: Cause.Cause<never>) => void
}

/** What is asked about one call. @internal */
export interface Question {
  readonly operation: Operation
  readonly asker: Asker
  /** The one that the call names; `undefined`: none, or it is not known yet. */
  readonly model: string | undefined
}

/** Asks about a call, and goes on with it: at once, where that is known at once. @internal */
export const guard = <Call extends Guarded>(
  access: AccessState,
  { asker, model, operation }: Question,
  call: Call,
  answers: Answers<Call>,
  proceed: (call: Call) => void
): void => {
  const settle = (verdict: Verdict): void => {
    if (verdict._tag === "Refused") return answers.refuse(call, verdict)
    call.pass = verdict
    proceed(call)
  }
  const verdict = access.admit(operation, asker, model)
  if (!Effect.isEffect(verdict)) return settle(verdict)
  call.run(verdict, (exit) => {
    if (exit._tag === "Success") settle(exit.value)
    else answers.interrupted(call, exit.cause)
  })
}

/** The model that a request must be allowed for, of an operation whose path tells all; `""`: the whole server. @internal */
export const modelOf = ({ about }: Operation, named: string): string | undefined =>
  about === "model" ? named : about === "server" ? "" : undefined

/** Who asks, by the headers of a request in lower case. @internal */
export const askerOf = (
  headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>,
  peer: string | undefined
): Asker => ({
  authorization: single(headers["authorization"]),
  apiKey: single(headers["x-api-key"]),
  peer,
  forwardedFor: single(headers["x-forwarded-for"])
})
