/**
 * Finds the route of a raw request path.
 *
 * A table of patterns is compiled once into a tree of path segments; finding a route then takes one map look-up a segment and
 * no regular expression. Captured names stay as they were sent; `decodeCaptures` undoes percent-encoding afterwards, so an
 * encoded slash never changes the route. Source: protocol §2.1.
 */
import { detached } from "../../../../schema/DetachedText.ts"
import type { RestrictedCategory } from "../../../../schema/options/ValueTypes.ts"
import type { ContentType } from "./Answer.ts"
import type { Call } from "./Call.ts"
import type { Request } from "./Wire.ts"

/** What answers a request; it owns the call from then on. @internal */
export type Handler = (call: Call) => void

/**
 * One row of the routing table.
 *
 * `path` consists of literal segments and captures such as `{model}`; one part in brackets may be left out by the client:
 * `/v2/models/{model}[/versions/{version}]/infer`.
 *
 * @internal
 */
export interface Route {
  readonly path: string
  /** The path under which schema/Operations.ts has it. Default: its own. */
  readonly operation?: string
  /** Category by which `--http-restricted-api` names it; `undefined`: what it answers is restricted one by one. */
  readonly category: RestrictedCategory | undefined
  /** Content-Type of the answers to a wrong method. */
  readonly contentType: ContentType
  /** Requests to which it is as if there were no such route. */
  readonly isHidden?: (request: Request) => boolean
  /** Told of every request for it, before anything is checked. */
  readonly arrived?: (call: Call) => void
  readonly get?: Handler
  readonly post?: Handler
}

/** Names captured from a path, `""` where the path has none. @internal */
export interface Captures {
  model: string
  version: string
  region: string
  repository: string
}

/** The methods of a route, as the header `Allow` says them. @internal */
export const allowed = ({ get, post }: Route): string =>
  [...(get === undefined ? [] : ["GET"]), ...(post === undefined ? [] : ["POST"])].join(", ")

type Capture = keyof Captures

interface Node {
  readonly literals: Map<string, Node>
  capture: { readonly name: Capture; readonly node: Node } | undefined
  route: Route | undefined
}

/** A compiled table of routes. @internal */
export interface Router {
  /** The route of a raw request target (path, with or without a query), with its captures written to `out`. */
  readonly find: (target: string, out: Captures) => Route | undefined
}

/** @internal */
export const noCaptures = (): Captures => ({ model: "", version: "", region: "", repository: "" })

const captures: ReadonlySet<string> = new Set<string>(Object.keys(noCaptures()))

const isCapture = (name: string): name is Capture => captures.has(name)

const emptyNode = (): Node => ({ literals: new Map(), capture: undefined, route: undefined })

/** Compiles a table. A pattern that is wrong or taken is a bug and throws. @internal */
export const make = (routes: Iterable<Route>): Router => {
  const root = emptyNode()
  for (const route of routes) {
    for (const path of expand(route.path)) add(root, path, route)
  }
  const known = new Map<string, Known>()
  return {
    find: (target, out) => {
      const before = known.get(target)
      if (before !== undefined) {
        copy(before.captured, out)
        return before.route
      }
      const path = pathOf(target)
      const route = path.charCodeAt(0) === 47 ? walk(root, path, 1, out) : undefined
      if (route !== undefined && target.length <= maxKnownLength) {
        if (known.size >= maxKnown) known.clear()
        // What is kept must not keep the head of a request with it.
        const kept = detached(target)
        const captured = noCaptures()
        walk(root, pathOf(kept), 1, captured)
        known.set(kept, { route, captured })
      }
      return route
    }
  }
}

/** A target that came before. */
interface Known {
  readonly route: Route
  readonly captured: Captures
}

/** Targets that are remembered, of so many characters at most. */
const maxKnown = 256
const maxKnownLength = 256

const copy = (from: Captures, to: Captures): void => {
  to.model = from.model
  to.version = from.version
  to.region = from.region
  to.repository = from.repository
}

const expand = (path: string): ReadonlyArray<string> => {
  const match = /^([^[\]]*)\[([^[\]]*)\]([^[\]]*)$/.exec(path)
  return match === null ? [path] : [match[1]! + match[3]!, match[1]! + match[2]! + match[3]!]
}

const add = (root: Node, path: string, route: Route): void => {
  let node = root
  for (const segment of path.slice(1).split("/")) {
    if (segment.startsWith("{") && segment.endsWith("}")) {
      const name = segment.slice(1, -1)
      if (!isCapture(name)) throw new Error(`Route ${path} captures an unknown name: ${name}`)
      node.capture ??= { name, node: emptyNode() }
      if (node.capture.name !== name) {
        throw new Error(`Route ${path} captures ${name} where others capture another name`)
      }
      node = node.capture.node
    } else {
      let next = node.literals.get(segment)
      if (next === undefined) node.literals.set(segment, next = emptyNode())
      node = next
    }
  }
  if (node.route !== undefined) throw new Error(`Two routes have the path ${path}`)
  node.route = route
}

/** The path of an origin-form or absolute-form request target. @internal */
export const pathOf = (target: string): string => {
  const query = target.indexOf("?")
  // Traces keep names out of it, and must not keep the query with them.
  const path = query === -1 ? target : detached(target.slice(0, query))
  if (path.charCodeAt(0) === 47) return path
  const authority = path.indexOf("://")
  const slash = authority === -1 ? -1 : path.indexOf("/", authority + 3)
  return slash === -1 ? path : path.slice(slash)
}

/** The authority of an absolute-form request target; `undefined` for the other forms. @internal */
export const authorityOf = (target: string): string | undefined => /^[^/?]*:\/\/([^/?]*)/.exec(target)?.[1]

/** A literal wins over a capture; where it leads nowhere the capture is tried, so a model may be called `stats`. */
const walk = (node: Node, path: string, start: number, out: Captures): Route | undefined => {
  const slash = path.indexOf("/", start)
  const segment = slash === -1 ? path.slice(start) : path.slice(start, slash)
  const literal = node.literals.get(segment)
  if (literal !== undefined) {
    const route = slash === -1 ? literal.route : walk(literal, path, slash + 1, out)
    if (route !== undefined) return route
  }
  const capture = node.capture
  if (capture === undefined || segment === "" || (capture.name === "version" && !isVersion(segment))) return undefined
  const route = slash === -1 ? capture.node.route : walk(capture.node, path, slash + 1, out)
  if (route !== undefined) out[capture.name] = segment
  return route
}

/** Digits, or what can be a label: a letter, then letters, digits, `_` and `-`. */
const isVersion = (text: string): boolean => {
  const labelled = isLetter(text.charCodeAt(0))
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (isDigit(code) || (labelled && (isLetter(code) || code === 45 || code === 95))) continue
    return false
  }
  return true
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57

const isLetter = (code: number): boolean => {
  const lower = code | 32
  return lower >= 97 && lower <= 122
}

/** Undoes the percent-encoding of captured names in place; `false` when it is malformed. @internal */
export const decodeCaptures = (captured: Captures): boolean => {
  try {
    captured.model = decodeURIComponent(captured.model)
    captured.region = decodeURIComponent(captured.region)
    captured.repository = decodeURIComponent(captured.repository)
    return true
  } catch {
    return false
  }
}
