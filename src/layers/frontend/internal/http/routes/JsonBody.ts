/** Receives the JSON body of a management request. Source: protocol §2.5, §2.8. */
import { Result } from "effect"
import { parseDocument } from "../../json/JsonDocument.ts"
import type { JsonValue } from "../../json/JsonValue.ts"
import { receive } from "../Body.ts"
import type { Call } from "../Call.ts"
import type { Door } from "./Door.ts"

/** The text for a body beyond `--http-max-input-size`. @internal */
export const jsonTooLarge = (size: number, maximum: number): string =>
  `request JSON size of ${size} bytes exceeds the maximum allowed input size of ${maximum} bytes. ` +
  "Use --http-max-input-size to increase the limit."

/** Calls `use` with the value of the body, `undefined` where the body is empty. @internal */
export const withJsonBody = (door: Door, call: Call, use: (body: JsonValue | undefined) => void): void => {
  const length = call.contentLength
  if (length !== undefined && length > door.maxInputSize) {
    return call.error(400, jsonTooLarge(length, door.maxInputSize))
  }
  const never = door.inFlight.tooLarge(length ?? 0)
  if (never !== undefined) return call.error(503, never)
  const refusal = call.enter(length ?? 0)
  if (refusal !== undefined) return call.overloaded(refusal)
  const plan = {
    memory: door.memory,
    binaryAt: undefined,
    maxChunked: Math.min(door.maxInputSize, door.inFlight.limits.maxBytes),
    onTooLarge: (size: number) => {
      const never = size > door.maxInputSize ? undefined : door.inFlight.tooLarge(size)
      if (never === undefined) call.error(400, jsonTooLarge(size, door.maxInputSize))
      else call.error(503, never)
    }
  }
  receive(call, plan, (bytes) => {
    if (bytes.length === 0) return use(undefined)
    const value = parseDocument(bytes)
    if (Result.isFailure(value)) call.failure(value.failure)
    else use(value.success)
  })
}
