/**
 * The index of a repository on a web server: one JSON document that names every file of every model. Any server of plain files
 * can so serve a repository; `galatea index` writes the document.
 */
import { Schema } from "effect"

/** Name of the document in the repository's folder. @category constants */
export const fileName = "index.json"

/** What `format` of a document says. @category constants */
export const format = "galatea-repository"

const Digest = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))
const Size = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

/** One file: `path` is below the model's folder, with `/` between names; `sha256` in lower-case hexadecimal digits. @category schemas */
export const IndexedFile = Schema.Struct({ path: Schema.String, size: Size, sha256: Digest })
/** @category models */
export type IndexedFile = typeof IndexedFile.Type

/** One model: its folder lies beside the document and has its name. @category schemas */
export const IndexedModel = Schema.Struct({ name: Schema.String, files: Schema.Array(IndexedFile) })
/** @category models */
export type IndexedModel = typeof IndexedModel.Type

/** The document. `version` goes up when its form changes so that older servers cannot read it. @category schemas */
export const RepositoryIndex = Schema.Struct({
  format: Schema.Literal(format),
  version: Schema.Literal(1),
  models: Schema.Array(IndexedModel)
})
/** @category models */
export type RepositoryIndex = typeof RepositoryIndex.Type
