/** What the server and a process of instances tell each other beside runs, as JSON: a process is not trusted with more. */
import type { Parameter } from "../../../../schema/Inference.ts"
import type { SequenceEnd } from "../../../../services/Executor.ts"
import type { CustomStart } from "../CustomStart.ts"
import type { FromWorker, NativeSettings, RunStart } from "../Mailbox.ts"

/** The session of an instance. @category models */
export interface SessionOpen {
  readonly _tag: "Session"
  readonly path: string
  readonly settings: NativeSettings
  readonly run: Pick<RunStart, "inputs" | "outputs">
}

/** The custom model of an instance. The verbosity of the log is a number here, and told anew when it changes. @category models */
export interface CustomOpen {
  readonly _tag: "Custom"
  readonly start: Omit<CustomStart, "log"> & {
    readonly log: Omit<CustomStart["log"], "verbosity"> & { readonly verbosity: number | undefined }
  }
}

/** What the server tells. @category models */
export type ToProcess =
  | { readonly _tag: "Open"; readonly what: SessionOpen | CustomOpen }
  /** A model is looked at, and closed again. */
  | { readonly _tag: "Look"; readonly path: string; readonly settings: NativeSettings }
  /** The instance ends after its last run. */
  | { readonly _tag: "Close" }
  | { readonly _tag: "SequenceEnded"; readonly id: bigint | string; readonly why: SequenceEnd }
  | { readonly _tag: "Verbosity"; readonly level: number }
  /** Nothing is to be done: memory that nobody uses may be given back. */
  | { readonly _tag: "Idle" }

/** What a process tells. @category models */
export type FromProcess =
  | Exclude<FromWorker, 0>
  | { readonly _tag: "Closed" }
  /** An error that nothing caught ends the process. */
  | { readonly _tag: "Failed"; readonly message: string; readonly stack: string | undefined }

/** What goes beside an answer. @category models */
export interface Beside {
  readonly error?: string
  readonly parameters?: ReadonlyMap<string, Parameter>
}

const bigint = "$bigint"
const map = "$map"
/** An object that has one of these names itself, such as a parameter of a config. */
const plain = "$plain"

const replacer = (_: string, value: unknown): unknown =>
  typeof value === "bigint"
    ? { [bigint]: String(value) }
    : typeof value !== "object" || value === null
    ? value
    : value instanceof Map
    ? { [map]: [...value] }
    : bigint in value || map in value || plain in value
    ? { [plain]: Object.entries(value) }
    : value

const reviver = (_: string, value: unknown): unknown =>
  typeof value !== "object" || value === null
    ? value
    : plain in value && Array.isArray(value[plain])
    ? Object.fromEntries(value[plain])
    : bigint in value && typeof value[bigint] === "string"
    ? BigInt(value[bigint])
    : map in value && Array.isArray(value[map])
    ? new Map(value[map] as ReadonlyArray<readonly [unknown, unknown]>)
    : value

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** @category encoding */
export const encode = (told: ToProcess | FromProcess | Beside): Uint8Array =>
  encoder.encode(JSON.stringify(told, replacer))

/** Throws where it is no JSON. @category decoding */
export const decode = <A>(text: Uint8Array): A => JSON.parse(decoder.decode(text), reviver) as A
