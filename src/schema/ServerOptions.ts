/**
 * The options of the server as one value, and the one table they come from: the command line, the environment, the help and
 * docs/options.md all read it.
 *
 * Source: model-config §7.
 */
import { Result } from "effect"
import { accessRows } from "./options/AccessRows.ts"
import { adminRows } from "./options/AdminRows.ts"
import { backendRows } from "./options/BackendRows.ts"
import * as CacheSettings from "./options/CacheSettings.ts"
import { cloudRows, metricsRows } from "./options/EndpointRows.ts"
import { exitRows } from "./options/ExitRows.ts"
import { grpcBoundRows } from "./options/GrpcBoundRows.ts"
import { grpcRows } from "./options/GrpcRows.ts"
import { httpRows } from "./options/HttpRows.ts"
import type { CamelCase, OptionRow } from "./options/OptionRow.ts"
import { fieldName } from "./options/OptionRow.ts"
import { residencyRows } from "./options/ResidencyRows.ts"
import { rolloutRows } from "./options/RolloutRows.ts"
import { executionRows, loggingRows, serverRows } from "./options/ServerRows.ts"
import { sourceRows } from "./options/SourceRows.ts"
import { tlsRows } from "./options/TlsRows.ts"
import { tracingRows } from "./options/TraceRows.ts"

const rows = [
  ...exitRows,
  ...serverRows,
  ...residencyRows,
  ...sourceRows,
  ...httpRows,
  ...tlsRows,
  ...adminRows,
  ...executionRows,
  ...rolloutRows,
  ...loggingRows,
  ...grpcRows,
  ...grpcBoundRows,
  ...accessRows,
  ...metricsRows,
  ...tracingRows,
  ...backendRows,
  ...cloudRows
] as const

type Rows = (typeof rows)[number]

/** Name of an option, without the dashes. @category models */
export type OptionName = Rows["name"]

/** A row of the table whose value type is not known. @category models */
// oxlint-disable-next-line no-explicit-any -- the value goes in and out of callbacks of the same row only
export type AnyRow = OptionRow<OptionName, any>

/** Every option, in the order of help and docs. @category models */
export const table: ReadonlyArray<AnyRow> = rows

/** Value of every option; keys are the option names in camel case, units are those of the table. @category models */
export type ServerOptions = {
  readonly [Row in Rows as CamelCase<Row["name"]>]: Row extends OptionRow<string, infer A> ? A : never
}

/** What the server does when no option is given. @category constructors */
export const defaults: ServerOptions = Object.fromEntries(
  table.map((row) => [fieldName(row.name), row.default])
) as unknown as ServerOptions

/** The defaults with some options changed. @category constructors */
export const make = (changes: Partial<ServerOptions> = {}): ServerOptions => ({ ...defaults, ...changes })

/**
 * The response cache that the options ask for; `undefined` for none, and a sentence where they ask for what cannot be.
 *
 * @category getters
 */
export const cacheSettings = (
  options: ServerOptions
): Result.Result<CacheSettings.CacheSettings | undefined, string> =>
  options.cacheConfig.length === 0
    ? Result.succeed(CacheSettings.ofByteSize(options.responseCacheByteSize))
    : CacheSettings.read(options.cacheConfig)

/** `true` where models must come with a complete config: either of the two options that say so. @category getters */
export const isStrictConfig = (options: ServerOptions): boolean =>
  options.disableAutoCompleteConfig || options.strictModelConfig
