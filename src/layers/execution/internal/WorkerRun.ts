/** A run in the mailbox of an instance: it waits there for the ones before it, or is being run. */
import type { Exit } from "effect"
import type { ExecutionResult, RunFailure, StartedRun } from "../../../services/Executor.ts"
import * as Mailbox from "./Mailbox.ts"
import * as RunRequest from "./RunRequest.ts"

const { State, Word } = Mailbox

/** @category models */
export type Done = (exit: Exit.Exit<ExecutionResult, RunFailure>) => void

/** @category models */
export class WorkerRun implements StartedRun {
  readonly number: number
  readonly written: RunRequest.Written
  readonly done: Done
  withdrawn = false
  private readonly states: Int32Array

  constructor(number: number, written: RunRequest.Written, done: Done, states: Int32Array) {
    this.number = number
    this.written = written
    this.done = done
    this.states = states
  }

  withdraw(): boolean {
    if (this.withdrawn) return true
    const state = Word.states + Mailbox.placeOf(this.number)
    if (Atomics.compareExchange(this.states, state, State.ready, State.withdrawn) !== State.ready) return false
    this.withdrawn = true
    RunRequest.free(this.written, true)
    return true
  }
}
