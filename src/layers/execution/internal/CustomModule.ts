/** The module of a custom model: loaded, looked through, and made ready. */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import { pathToFileURL } from "node:url"
import type { Instance, Make, OnSequenceEnd, Run } from "../../../schema/CustomModel.ts"
import { WrongModel } from "./CustomFailure.ts"

/** A model that can be run. @category models */
export interface OpenModel {
  readonly run: Run
  readonly onSequenceEnd: OnSequenceEnd | undefined
}

const kindOf = (value: unknown): string =>
  value === null
    ? "null"
    : Effect.isEffect(value)
    ? "an effect"
    : value instanceof Promise
    ? "a promise"
    : typeof value

const callable = <F>(exports: Readonly<Record<string, unknown>>, name: string, wanted: string): F | undefined => {
  const value = exports[name]
  if (value === undefined || typeof value === "function") return value as F | undefined
  throw new WrongModel(`the module exports ${kindOf(value)} as '${name}', expected a function ${wanted}`)
}

/**
 * Loads the module for an instance. What its `make` acquires stays until the scope closes.
 *
 * Dies with whatever loading the module throws, and with `WrongModel`; fails as `make` does.
 *
 * @category constructors
 */
export const open = Effect.fnUntraced(function*(path: string, instance: Instance): Effect.fn.Return<
  OpenModel,
  { readonly message: string },
  Scope
> {
  const exports = yield* Effect.promise(() => import(pathToFileURL(path).href) as Promise<Record<string, unknown>>)
  const run = callable<Run>(exports, "default", "(inputs, context) => Effect<outputs>")
  const make = callable<Make>(exports, "make", "(instance) => Effect<run>")
  const onSequenceEnd = callable<OnSequenceEnd>(exports, "onSequenceEnd", "(id, why) => Effect<void>")
  if (run !== undefined && make !== undefined) {
    throw new WrongModel(
      "the module exports both 'default' and 'make': keep one, 'make' gives the function that runs the model"
    )
  }
  if (run !== undefined) return { run, onSequenceEnd }
  if (make === undefined) {
    throw new WrongModel(
      "the module exports neither 'default', a function (inputs, context) => Effect<outputs>, nor 'make', which gives one"
    )
  }
  const making = make(instance)
  if (!Effect.isEffect(making)) {
    throw new WrongModel(`'make' of the module gave ${kindOf(making)}, expected an effect that gives a function`)
  }
  const made: unknown = yield* making
  if (typeof made !== "function") {
    throw new WrongModel(`the effect that 'make' of the module gave ended with ${kindOf(made)}, expected a function`)
  }
  return { run: made as Run, onSequenceEnd }
})
