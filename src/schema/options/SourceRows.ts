/** Options of repositories on other machines: the cache folder, and how their files are fetched. This server's own. */
import { single } from "./OptionRow.ts"
import { bytes, int, string } from "./ValueTypes.ts"

const common = { group: "Server and repository", triton: false } as const

/** @category models */
export const sourceRows = [
  single({
    ...common,
    name: "repository-cache-directory",
    type: string,
    default: "",
    defaultText: "galatea/repository in the user's cache folder",
    doc: "Folder that keeps the files of models from s3://, http:// and https://. Several servers may share it."
  }),
  single({
    ...common,
    name: "repository-cache-bytes",
    type: bytes({ min: 1 }),
    default: 68719476736,
    unit: "bytes",
    doc:
      "How much that folder may hold. What no loaded model has open and was used longest ago leaves first; a model for which there is no room does not load."
  }),
  single({
    ...common,
    name: "repository-fetch-concurrency",
    type: int({ min: 1, max: 256 }),
    default: 4,
    unit: "files",
    doc: "How many files of a model are fetched at the same time."
  }),
  single({
    ...common,
    name: "repository-fetch-retry-count",
    type: int({ min: 0, max: 100 }),
    default: 3,
    doc: "How often a listing or a file is asked for again where there was no answer, or one that broke off."
  }),
  single({
    ...common,
    name: "repository-fetch-timeout-secs",
    type: int({ min: 1 }),
    default: 30,
    unit: "seconds",
    doc: "How long a store may take to answer, and to send the next bytes of a file."
  }),
  single({
    ...common,
    name: "repository-max-files",
    type: int({ min: 1 }),
    default: 100000,
    unit: "files",
    doc: "How many files a repository on another machine may have."
  }),
  single({
    ...common,
    name: "repository-max-index-bytes",
    type: bytes({ min: 1 }),
    default: 67108864,
    unit: "bytes",
    doc: "How long the index of a repository on a web server may be."
  }),
  single({
    ...common,
    name: "repository-max-redirects",
    type: int({ min: 0, max: 100 }),
    default: 5,
    doc: "How often a web server may lead on to another address, for one file."
  })
] as const
