/**
 * Where the models of a repository come from: a folder of this machine, an index on a web server, a bucket.
 *
 * Upstream: `ModelRepository`, which lists and opens models. Downstream: the file system or the store itself.
 */
import { Context, type Effect, type Scope } from "effect"
import type { PollFailed } from "../schema/Errors.ts"

/** A model that a root holds. @category models */
export interface ListedModel {
  readonly name: string
  /** Where it lies, for messages: an absolute path, or the address of the root with the name behind it. */
  readonly directory: string
  /** The same for the file of a bare model: one `.onnx` file without folder and config. */
  readonly file: string | undefined
}

/** What a root holds. @category models */
export interface Listing {
  /** In order of their names. */
  readonly models: ReadonlyArray<ListedModel>
  /** Entries that look like models and cannot be polled: the whole sentence. */
  readonly failures: ReadonlyArray<{ readonly model: string; readonly message: string }>
  /** What is odd and no error; `model` is absent where it concerns the root. */
  readonly warnings: ReadonlyArray<{ readonly model: string | undefined; readonly message: string }>
}

/** A model's files on this machine. @category models */
export interface Place {
  /** Absolute path of the folder with the model's files. */
  readonly directory: string
  /** Absolute path of a bare model's file. */
  readonly file: string | undefined
}

/** One root. @category models */
export interface Source {
  /** The root in its one normal form: an absolute path, or an address. Equal roots are one repository. */
  readonly root: string
  /** Its models lie on this machine, where only those who may change the server's files can change them. Default: `false`. */
  readonly local?: boolean
  /** What the root holds now. Cheap: nothing of a model is fetched. */
  readonly list: Effect.Effect<Listing, PollFailed>
  /**
   * Top-level entry of the model (`config.pbtxt`, `1`, `labels.txt`) to the identity of everything below it: equal means equal
   * contents. Of a local model as it is now, of any other as the latest `list` found it.
   */
  readonly fingerprint: (name: string) => Effect.Effect<ReadonlyMap<string, string>, PollFailed>
  /**
   * A local place that holds all files of the model, until the scope closes. A local model's is where it lies; any other's is
   * a copy that nobody changes. The files are read, never written.
   */
  readonly open: (name: string) => Effect.Effect<Place, PollFailed, Scope.Scope>
}

/** @category services */
export class RepositorySource extends Context.Service<RepositorySource, {
  /**
   * The source of a root: the same one each time, until the service closes. Nothing is asked of the root yet.
   *
   * Errors: `PollFailed` for a root of a kind that is not supported, or whose address cannot be read.
   */
  readonly open: (root: string) => Effect.Effect<Source, PollFailed>
}>()("galatea/services/RepositorySource") {}
