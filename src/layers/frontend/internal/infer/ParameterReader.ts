/**
 * Reads the `parameters` of a request.
 *
 * Source: protocol.md 1.5.
 */
import { MalformedRequest, Unsupported } from "../../../../schema/Errors.ts"
import type { Parameter, SequenceStep } from "../../../../schema/Inference.ts"
import type { JsonScanner } from "../json/JsonScanner.ts"
import { JsonDouble } from "../json/JsonValue.ts"
import { type Field, flag, unsigned } from "./Fields.ts"
import * as RequestFault from "./RequestFault.ts"

const none: ReadonlyMap<string, Parameter> = new Map()
const longestSequenceId = 128

/** @internal */
export class ParameterReader {
  private present = false
  private fault: unknown = undefined
  private seen: Set<string> | undefined = undefined
  private custom: Map<string, Parameter> | undefined = undefined
  private sequenceId: bigint | string = 0n
  private sequenceStart = false
  private sequenceEnd = false
  priority = 0
  timeoutMicros = 0
  binaryDataOutput = false

  /** Reads the value at the cursor. Fails for syntax alone; all else is told by {@link check}. */
  read(scanner: JsonScanner): void {
    if (this.present) return scanner.skip()
    this.present = true
    if (scanner.peek() !== 0x7b) {
      this.fault = new MalformedRequest({
        message: "failed to get request params.: attempt to get members for non-object"
      })
      return scanner.skip()
    }
    if (!scanner.openObject()) return
    do {
      const key = scanner.key()
      if (this.fault !== undefined || this.repeated(key)) {
        scanner.skip()
        continue
      }
      const value = scanner.scalar()
      try {
        this.apply(key, value)
      } catch (thrown) {
        this.fault = thrown
      }
    } while (scanner.moreMembers())
  }

  private repeated(key: string): boolean {
    this.seen ??= new Set()
    if (this.seen.has(key)) return true
    this.seen.add(key)
    return false
  }

  private apply(key: string, value: Field): void {
    switch (key) {
      case "sequence_id":
        this.sequenceId = sequenceId(value)
        return
      case "sequence_start":
        this.sequenceStart = flag(value, key)
        return
      case "sequence_end":
        this.sequenceEnd = flag(value, key)
        return
      case "priority":
        this.priority = Number(unsigned(value, key))
        return
      case "timeout":
        this.timeoutMicros = Number(unsigned(value, key))
        return
      case "binary_data_output":
        this.binaryDataOutput = flag(value, key)
        return
    }
    if (key.startsWith("triton_")) {
      throw RequestFault.invalid(
        "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified."
      )
    }
    this.custom ??= new Map()
    if (this.custom.size === RequestFault.maximumParameters) {
      throw RequestFault.invalid(`request has more than ${RequestFault.maximumParameters} parameters`)
    }
    this.custom.set(key, customValue(key, value))
  }

  check(): void {
    if (this.fault !== undefined) throw this.fault
  }

  parameters(): ReadonlyMap<string, Parameter> {
    return this.custom ?? none
  }

  sequence(): SequenceStep | undefined {
    const { sequenceId: id } = this
    return id === 0n || id === "" ? undefined : { id, start: this.sequenceStart, end: this.sequenceEnd }
  }
}

const sequenceId = (value: Field): bigint | string => {
  if (typeof value === "string") {
    if (Buffer.byteLength(value) > longestSequenceId) {
      throw new Unsupported({
        message: `string correlation ID cannot be longer than ${longestSequenceId} characters`
      })
    }
    return value
  }
  if ((typeof value === "number" || typeof value === "bigint") && value >= 0) return BigInt(value)
  throw RequestFault.wrongKind("sequence_id", "string", "string; an id is text or a whole number from 1 to 2^64 - 1")
}

const customValue = (key: string, value: Field): Parameter => {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "number":
      return value
    case "bigint":
      return value > 0x7fff_ffff_ffff_ffffn ? Number(value) : value
    default:
      if (value instanceof JsonDouble) return value.value
      throw RequestFault.invalid(
        `parameter '${key}' has invalid type. It should be either 'int', 'bool', or 'string'.`
      )
  }
}
