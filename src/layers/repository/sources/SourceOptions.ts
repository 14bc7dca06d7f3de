/** Options of the sources, with their defaults. */
import { Duration } from "effect"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"

/** @category models */
export interface Options {
  /**
   * Folder that keeps the files of models on other machines; several servers may share it. Default: `galatea/repository` in
   * `XDG_CACHE_HOME` or `~/.cache`, and in the folder for temporary files for users without a home.
   */
  readonly cacheDirectory?: string | undefined
  /** Bytes that the files in that folder may have; those of models that are open count and stay. Default: 64 GiB. */
  readonly cacheBytes?: number | undefined
  /** Files of one model that are fetched at once; at least 1. Default: 4. */
  readonly fetchConcurrency?: number | undefined
  /** Further attempts at a listing or a file, where the failure may pass. Default: 3. */
  readonly fetchRetryCount?: number | undefined
  /** How long a store may take to answer, and to send the next bytes of a file. Default: 30 seconds. */
  readonly fetchTimeout?: Duration.Input | undefined
  /** Files that one root may have. Default: 100,000. */
  readonly maxFiles?: number | undefined
  /** Bytes that the index of a web server may have. Default: 64 MiB. */
  readonly maxIndexBytes?: number | undefined
  /** Redirects that one request to a web server may take. Default: 5. */
  readonly maxRedirects?: number | undefined
  /**
   * Where credentials and the addresses of stores are looked for. Default: `process.env`, where the client of S3 looks for what
   * is in neither this nor the user's files in any case.
   */
  readonly environment?: Environment | undefined
}

/** Environment variables. @category models */
export type Environment = Readonly<Record<string, string | undefined>>

/** Options with every default in place. @category models */
export interface Settings {
  readonly cacheDirectory: string
  readonly cacheBytes: number
  readonly fetchConcurrency: number
  readonly fetchRetryCount: number
  readonly fetchTimeout: Duration.Duration
  readonly maxFiles: number
  readonly maxIndexBytes: number
  readonly maxRedirects: number
  readonly environment: Environment
}

const given = (text: string | undefined): string | undefined => text === "" ? undefined : text

/** The folder for caches of this user. */
const defaultDirectory = (environment: Environment): string => {
  const home = given(environment["HOME"]) ?? given(homedir())
  const caches = given(environment["XDG_CACHE_HOME"]) ?? (home === undefined ? undefined : join(home, ".cache"))
  return caches === undefined
    ? join(tmpdir(), `galatea-${process.getuid?.() ?? "user"}`, "repository")
    : join(caches, "galatea", "repository")
}

/** @category constructors */
export const settings = (options: Options): Settings => {
  const environment = options.environment ?? process.env
  return {
    cacheDirectory: given(options.cacheDirectory) ?? defaultDirectory(environment),
    cacheBytes: options.cacheBytes ?? 64 * 1024 ** 3,
    fetchConcurrency: Math.max(1, options.fetchConcurrency ?? 4),
    fetchRetryCount: Math.max(0, options.fetchRetryCount ?? 3),
    fetchTimeout: Duration.fromInputUnsafe(options.fetchTimeout ?? "30 seconds"),
    maxFiles: options.maxFiles ?? 100_000,
    maxIndexBytes: options.maxIndexBytes ?? 64 * 1024 ** 2,
    maxRedirects: options.maxRedirects ?? 5,
    environment
  }
}
