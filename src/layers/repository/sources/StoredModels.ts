/** The models among the files of a store, each with its files; names that lead elsewhere are refused. */
import { Result } from "effect"
import { createHash } from "node:crypto"
import type { PollFailed } from "../../../schema/Errors.ts"
import type { Listing } from "../../../services/RepositorySource.ts"
import * as ModelName from "../internal/ModelName.ts"
import * as RootEntries from "./RootEntries.ts"
import type { StoredFile } from "./Store.ts"

/** A file of a model. @category models */
export interface ModelFile extends StoredFile {
  /** Below the model's folder: names that can be of a file, with `/` between them. */
  readonly below: string
}

/** A model of a store. @category models */
export interface StoredModel {
  readonly files: ReadonlyArray<ModelFile>
  /** Name of a bare model's file. */
  readonly file: string | undefined
}

/** What a store holds. @category models */
export interface StoredModels {
  readonly listing: Listing
  readonly models: ReadonlyMap<string, StoredModel>
}

const forbidden = /[\u0000-\u001f\u007f-\u009f\ufffd\\]/u

/** Bytes that a file system allows for one name. */
const maxNameBytes = 255

/** What is wrong with a path below a root, `undefined` where nothing is. @category getters */
export const problemOfPath = (path: string): string | undefined => {
  const shown = `file '${ModelName.printable(path)}'`
  for (const name of path.split("/")) {
    if (name === "") return `${shown} has an empty name in its path`
    if (name === "." || name === "..") return `${shown} leads out of its folder`
    if (forbidden.test(name)) {
      return `${shown} has control characters, backslashes, or bytes that are not UTF-8 in its path`
    }
    if (Buffer.byteLength(name) > maxNameBytes) {
      return `${shown} has a name of more than ${maxNameBytes} bytes in its path`
    }
  }
  return undefined
}

/** A path that is a file and a folder at once, which a store can have and a file system cannot. */
const clash = (files: ReadonlyArray<StoredFile>): string | undefined => {
  const paths = new Set<string>()
  for (const { path } of files) {
    if (paths.has(path)) return `file '${path}' is listed twice`
    paths.add(path)
  }
  for (const { path } of files) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      if (paths.has(path.slice(0, end))) return `'${path.slice(0, end)}' is a file and a folder at once`
    }
  }
  return undefined
}

const compare = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0

/** Joins a name to an address. */
const join = (folder: string, name: string) => `${folder}/${name}`

/**
 * Sorts the files of a store to its models. A model with a file whose path cannot be used is none, and the listing says why.
 *
 * Errors: `PollFailed` where several files lie at the root and no model does.
 *
 * @category constructors
 */
export const read = (root: string, files: ReadonlyArray<StoredFile>): Result.Result<StoredModels, PollFailed> => {
  const groups = new Map<string, Array<StoredFile>>()
  const plain = new Map<string, StoredFile>()
  for (const file of files) {
    const slash = file.path.indexOf("/")
    if (slash < 0) {
      plain.set(file.path, file)
      continue
    }
    const name = file.path.slice(0, slash)
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [file])
    else group.push(file)
  }
  const entries = [
    ...[...groups.keys()].map((name): RootEntries.RootEntry => ({ name, kind: "Directory" })),
    ...[...plain.keys()]
      .filter((name) => problemOfPath(name) === undefined)
      .map((name): RootEntries.RootEntry => ({ name, kind: "File" }))
  ].sort((a, b) => compare(a.name, b.name))
  return Result.map(RootEntries.read(root, entries, join), (listing) => {
    const models = new Map<string, StoredModel>()
    const failures = [...listing.failures]
    const usable = listing.models.filter(({ file, name }) => {
      if (file !== undefined) {
        // What lies beside a model file may be its weights.
        const files = [...plain.values()]
          .filter(({ path }) => problemOfPath(path) === undefined)
          .map((stored) => ({ ...stored, below: stored.path }))
        models.set(name, { files, file: file.slice(root.length + 1) })
        return true
      }
      const group = groups.get(name)!
      const problem = group.map(({ path }) => problemOfPath(path)).find((problem) => problem !== undefined) ??
        clash(group)
      if (problem === undefined) {
        const files = group.map((stored) => ({ ...stored, below: stored.path.slice(name.length + 1) }))
        models.set(name, { files, file: undefined })
        return true
      }
      failures.push({ model: name, message: `Poll failed for model directory '${name}': ${problem}` })
      return false
    })
    const warnings = files.length > 0
      ? listing.warnings
      : [...listing.warnings, { model: undefined, message: `repository '${root}' is empty: is it the right address?` }]
    return { listing: { models: usable, failures, warnings }, models }
  })
}

/** Identity of all that lies below each top-level entry of a model. @category getters */
export const fingerprint = ({ files }: StoredModel): ReadonlyMap<string, string> => {
  const groups = new Map<string, Array<string>>()
  for (const { below, identity, sha256, size } of files) {
    const entry = below.split("/", 1)[0]!
    const line = JSON.stringify([below, size, sha256 ?? identity])
    const group = groups.get(entry)
    if (group === undefined) groups.set(entry, [line])
    else group.push(line)
  }
  return new Map(
    [...groups]
      .sort(([a], [b]) => compare(a, b))
      .map(([entry, lines]) => [entry, createHash("sha256").update(lines.sort().join("\n")).digest("hex")])
  )
}
