/** Where in a JSON text its values stand: for messages about files that people write. */

/** A position in a text; both count from 1, columns in UTF-16 code units. @category models */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Steps from the whole value down to one in it: names of members, positions in lists. @category models */
export type Path = ReadonlyArray<PropertyKey>

/** The values of a text by their paths. @category models */
export interface Places {
  /** Where a value stands, a member by its name; where the path leads nowhere, the nearest value above it. */
  readonly of: (path: Path) => Place
  /** The first member whose name its object has already. */
  readonly duplicate: Path | undefined
}

/** A value: where it stands, or the name before it, and what lies in it. */
interface Node {
  readonly offset: number
  readonly parts: Map<string, Node>
  /** What the parts go by: names, or positions where this is a list. */
  kind: "scalar" | "list" | "object"
}

const token = /"(?:[^"\\]|\\.)*"|[[\]{}]|-?[\w.+-]+/g

/**
 * Finds the values of a text that `JSON.parse` accepts. Of members with the same name the last one counts, as for `JSON.parse`.
 *
 * @category constructors
 */
export const find = (text: string): Places => {
  const top: Node = { offset: 0, parts: new Map(), kind: "list" }
  const open: Array<readonly [step: string, node: Node]> = [["", top]]
  let duplicate: Path | undefined
  let member: { readonly name: string; readonly offset: number } | undefined
  for (const { 0: word, index } of text.matchAll(token)) {
    if (word === "]" || word === "}") {
      open.pop()
      continue
    }
    const within = open.at(-1)![1]
    if (within.kind === "object" && member === undefined) {
      const name = JSON.parse(word) as string
      member = { name, offset: index }
      if (within.parts.has(name)) duplicate ??= [...open.slice(2).map(([step]) => step), name]
      continue
    }
    const step = member?.name ?? String(within.parts.size)
    const kind = word === "[" ? "list" : word === "{" ? "object" : "scalar"
    const node: Node = { offset: member?.offset ?? index, parts: new Map(), kind }
    within.parts.set(step, node)
    member = undefined
    if (kind !== "scalar") open.push([step, node])
  }
  return {
    duplicate,
    of: (path) => {
      let node = top.parts.get("0") ?? top
      for (const step of path) {
        const part = node.parts.get(String(step))
        if (part === undefined) break
        node = part
      }
      return placeOf(text, node.offset)
    }
  }
}

const placeOf = (text: string, offset: number): Place => {
  const before = text.slice(0, offset)
  const lineStart = before.lastIndexOf("\n") + 1
  return { line: before.split("\n").length, column: offset - lineStart + 1 }
}

/** A path as people write it: `traffic.canary`, `labels["a b"]`, `shadow[0]`. @category formatting */
export const show = (path: Path): string => {
  let text = ""
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`
    else if (/^[\w-]+$/.test(String(step))) text += text === "" ? String(step) : `.${String(step)}`
    else text += `[${JSON.stringify(String(step))}]`
  }
  return text
}
