/**
 * What can be wrong with the envelope of an inference request, in Triton's words.
 *
 * Source: protocol.md 4.1 to 4.9, 9.3.
 */
import { InvalidRequest, MalformedRequest } from "../../../../schema/Errors.ts"

/** Inputs, and outputs, that one request may list. Far above any model; bounds what decoding can keep. @category models */
export const maximumListed = 16384
/** Custom parameters of one request. @category models */
export const maximumParameters = 1024
/** Dimensions of one shape. @category models */
export const maximumRank = 256

/** An input or an output listed twice: its message waits for the id of the request. @internal */
export class ListedTwice {
  readonly kind: "input" | "output"
  readonly name: string
  constructor(kind: "input" | "output", name: string) {
    this.kind = kind
    this.name = name
  }
}

/** The prefix of messages that name the request. @category models */
export const requestPrefix = (id: string): string => `[request id: ${id === "" ? "<id_unknown>" : id}] `

/** @internal */
export const listedTwice = (fault: ListedTwice, id: string): InvalidRequest =>
  new InvalidRequest({ message: `${requestPrefix(id)}${fault.kind} '${fault.name}' already exists in request` })

/** @internal */
export const invalid = (message: string): InvalidRequest => new InvalidRequest({ message })

/** @internal */
export const unable = (verb: "parse" | "set", key: string, inner: string): MalformedRequest =>
  new MalformedRequest({ message: `Unable to ${verb} '${key}': ${inner}` })

/** @internal */
export const missing = (key: string): MalformedRequest =>
  unable("parse", key, `attempt to access non-existing object member '${key}'`)

/** @internal */
export const wrongKind = (
  key: string,
  actual: string,
  wanted: string,
  verb: "parse" | "set" = "parse"
): MalformedRequest => unable(verb, key, `attempt to access JSON non-${actual} as ${wanted}`)

/** @internal */
export const sources = (data: boolean, binary: boolean, region: boolean): InvalidRequest => {
  const set = `${data ? " 'data'" : ""}${binary ? " 'binary_data_size'" : ""}${region ? " 'shared_memory_region'" : ""}`
  return invalid(
    "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', " +
      `'shared_memory_region' in 'parameters'. But ${set === "" ? "no field is set" : `set${set}`}`
  )
}

/** @internal */
export const tooManyListed = (kind: string): InvalidRequest =>
  invalid(`request lists more than ${maximumListed} ${kind}`)

/** @internal */
export const jsonTooLarge = (size: number, limit: number): InvalidRequest =>
  invalid(
    `request JSON size of ${size} bytes exceeds the maximum allowed input size of ${limit} bytes. ` +
      "Use --http-max-input-size to increase the limit."
  )
