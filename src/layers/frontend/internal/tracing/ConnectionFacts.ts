/** What spans say of connections, kept for as long as these are there: most requests of one say the same. */
import type { ArrivalFacts } from "../../../../services/Tracing.ts"
import type { Wire } from "./WireFacts.ts"

/** What the attributes of a request follow from, besides its connection. @internal */
export interface Said {
  /** Name of the span. */
  readonly name: string
  /** Version of the protocol. */
  readonly version: string
  /** The server as the client named it. */
  readonly authority: string | undefined
  /** The client as it names itself. */
  readonly agent: string | undefined
}

/** Longer texts of clients are not kept. */
const maxLength = 1024

const last = new WeakMap<Wire, { readonly said: Said; readonly facts: ArrivalFacts }>()

/** What was said of the last request on a connection, where this one says the same. @internal */
export const find = (wire: Wire, { agent, authority, name, version }: Said): ArrivalFacts | undefined => {
  const known = last.get(wire)
  if (known === undefined) return undefined
  const { said } = known
  return said.name === name && said.authority === authority && said.agent === agent && said.version === version
    ? known.facts
    : undefined
}

/** Says it of a request, for those that follow too. @internal */
export const keep = (wire: Wire, said: Said, attributes: ArrivalFacts["attributes"]): ArrivalFacts => {
  const facts: ArrivalFacts = { name: said.name, attributes }
  const { agent = "", authority = "" } = said
  if (agent.length <= maxLength && authority.length <= maxLength) last.set(wire, { said, facts })
  return facts
}
