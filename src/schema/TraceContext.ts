/**
 * The headers `traceparent` and `tracestate`. Source: W3C Trace Context, level 1.
 *
 * Whatever does not keep to it is as if it had not been sent: no request fails because of it.
 */
import { detached } from "./DetachedText.ts"
import type { TraceContext } from "./RequestTrace.ts"

/** Characters of `tracestate` that are passed on at most, entries left out beyond: what W3C asks for at least. @category models */
export const maxTraceStateLength = 512

const maxMembers = 32
/** Entries longer than this are left out first. */
const longMember = 128

const parentPattern = /^(?!ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/
const traceIdPattern = /^[0-9a-f]{32}$/
const spanIdPattern = /^[0-9a-f]{16}$/
const parentLength = 55
const noTraceId = "0".repeat(32)
const noSpanId = "0".repeat(16)

const memberPattern =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** The span that the headers name. `undefined`: there is none, or it is not written as it must be. @category constructors */
export const parse = (
  traceparent: string | undefined,
  tracestate: string | undefined
): TraceContext | undefined => {
  if (traceparent === undefined || !parentPattern.test(traceparent)) return undefined
  // Versions to come may say more behind it; version 00 may not.
  if (traceparent.length > parentLength && traceparent.startsWith("00")) return undefined
  // Spans and exemplars keep the ids, and must not keep what else a version to come says.
  const head = traceparent.length > parentLength ? detached(traceparent.slice(0, parentLength)) : traceparent
  const traceId = head.slice(3, 35)
  const spanId = head.slice(36, 52)
  // The lowest bit of the flags.
  const sampled = (Number.parseInt(traceparent[54]!, 16) & 1) === 1
  return traceId === noTraceId || spanId === noSpanId ? undefined : make(traceId, spanId, sampled, tracestate)
}

/** The same from ids that came one by one, as in the messages of Effect RPC. @category constructors */
export const fromParts = (
  traceId: string,
  spanId: string,
  sampled: boolean,
  tracestate: string | undefined
): TraceContext | undefined => {
  if (!traceIdPattern.test(traceId) || traceId === noTraceId) return undefined
  if (!spanIdPattern.test(spanId) || spanId === noSpanId) return undefined
  return make(traceId, spanId, sampled, tracestate)
}

const make = (traceId: string, spanId: string, sampled: boolean, tracestate: string | undefined): TraceContext => {
  const traceState = tracestate === undefined ? undefined : parseState(tracestate)
  return traceState === undefined ? { traceId, spanId, sampled } : { traceId, spanId, sampled, traceState }
}

/** `tracestate` as it may be passed on. `undefined`: nothing of it, for it is empty or not written as it must be. @category constructors */
export const parseState = (tracestate: string): string | undefined => {
  const members: Array<string> = []
  const keys = new Set<string>()
  let length = -1
  for (let start = 0; start <= tracestate.length;) {
    const comma = tracestate.indexOf(",", start)
    const end = comma === -1 ? tracestate.length : comma
    const member = trimmed(tracestate, start, end)
    start = end + 1
    if (member === "") continue
    const key = member.slice(0, member.indexOf("="))
    if (members.length === maxMembers || !memberPattern.test(member) || keys.has(key)) return undefined
    keys.add(key)
    members.push(member)
    length += member.length + 1
  }
  if (length > maxTraceStateLength) shorten(members, length)
  // One that is left of many is still a part of their text.
  return members.length === 0 ? undefined : members.length === 1 ? detached(members[0]!) : members.join(",")
}

/** `traceparent` for a span: what is sent to others on its behalf. @category destructors */
export const traceparent = (context: Pick<TraceContext, "traceId" | "spanId" | "sampled">): string =>
  `00-${context.traceId}-${context.spanId}-${context.sampled ? "01" : "00"}`

const isSpace = (code: number) => code === 32 || code === 9

const trimmed = (text: string, start: number, end: number): string => {
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** Leaves out entries until the rest may be passed on: the long ones from the end, then the others from the end. */
const shorten = (members: Array<string>, length: number) => {
  for (let i = members.length - 1; i >= 0 && length > maxTraceStateLength; i--) {
    const member = members[i]!
    if (member.length <= longMember) continue
    length -= member.length + 1
    members.splice(i, 1)
  }
  while (length > maxTraceStateLength) length -= members.pop()!.length + 1
}
