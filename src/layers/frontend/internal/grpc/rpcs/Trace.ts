/** What is traced, of all models or of one. Source: protocol §3.7, §7.7. */
import { Result } from "effect"
import { InvalidRequest, Unsupported } from "../../../../../schema/Errors.ts"
import type { TypeOf } from "../../../../../schema/proto/Descriptor.ts"
import * as Fields from "../../../../../schema/proto/SettingsFields.ts"
import type { TraceChange } from "../../../../../schema/TraceSetting.ts"
import * as TraceSettings from "../../TraceSettings.ts"
import type { Door } from "./Door.ts"
import { unary } from "./Rpc.ts"

/** @internal */
export const rpcs = ({ traceSettings }: Door) => ({
  TraceSetting: unary({
    category: "trace",
    request: Fields.TraceSettingRequest,
    response: Fields.TraceSettingResponse,
    model: ({ model_name }) => model_name,
    changes: ({ settings }) => Object.keys(settings).length > 0,
    answer: ({ model_name, settings }, call) => {
      const known = traceSettings.of(model_name)
      if (Result.isFailure(known)) return call.failure(known.failure)
      const change = changeOf(settings)
      if (Result.isFailure(change)) return call.failure(change.failure)
      const found = traceSettings.change(model_name, change.success)
      if (Result.isFailure(found)) return call.failure(found.failure)
      const entries = TraceSettings.entries(found.success).map(([name, value]) => [name, { value }] as const)
      call.reply({ settings: Object.fromEntries(entries) })
    }
  })
})

type Settings = TypeOf<typeof Fields.TraceSettingRequest>["settings"]

/** An empty list clears a setting. */
const changeOf = (settings: Settings): Result.Result<TraceChange, InvalidRequest | Unsupported> => {
  const valuesOf = (name: string): ReadonlyArray<string> => settings[name]?.value ?? []
  try {
    return Result.succeed(TraceSettings.changeOf({
      has: (name) => Object.hasOwn(settings, name),
      text: (name) => {
        const values = valuesOf(name)
        if (values.length > 1) throw new InvalidRequest({ message: `expect only 1 value for '${name}'` })
        return values[0] ?? null
      },
      texts: (name) => {
        const values = valuesOf(name)
        return values.length === 0 ? null : TraceSettings.fewLevels(values)
      },
      gap: " "
    }))
  } catch (thrown) {
    if (thrown instanceof InvalidRequest || thrown instanceof Unsupported) return Result.fail(thrown)
    throw thrown
  }
}
