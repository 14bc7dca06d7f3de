/** Options of the file repository, as its stages read them. */
import { Duration, Effect } from "effect"
import type { LoadEvent } from "../../../services/ModelRepository.ts"
import type { Options as SourceOptions } from "../sources/SourceOptions.ts"
import type { BackendSetting } from "./BackendSettings.ts"
import type { Allowed } from "./CustomFile.ts"
import type * as Residency from "./residency/Residency.ts"

/** @category models */
export interface Options {
  /**
   * Roots: directories with one sub-directory per model, `.onnx` files, or directories that hold nothing but one `.onnx` file;
   * buckets (`s3://`), and web servers with an index (`http://`, `https://`).
   * A bare file is served as version 1 under its own name and needs no config, also with `strictModelConfig`.
   */
  readonly paths: ReadonlyArray<string>
  /**
   * When models load. `"none"`, the default: all while the layer is built. `"poll"`: the same, and changes of the repository
   * are taken up. `"explicit"`: `loadModels` while the layer is built, then on demand; the other modes refuse that.
   */
  readonly controlMode?: "none" | "poll" | "explicit" | undefined
  /** Models to load while the layer is built in mode `"explicit"`; `["*"]` for all. Default: none. */
  readonly loadModels?: ReadonlyArray<string> | undefined
  /** How often the roots are looked at in mode `"poll"`; zero: never after start-up. Default: 15 seconds. */
  readonly pollInterval?: Duration.Input | undefined
  /** How long a change must stand still before it is taken up in mode `"poll"`. Default: 1 second. */
  readonly settleTime?: Duration.Input | undefined
  /** Models that may be served from files that came with a load; at least 0. Default: 100. */
  readonly maxOverriddenModels?: number | undefined
  /** Load models when they are first used, within limits. Default: as soon as they are known. */
  readonly residency?: Omit<Residency.Options, "loadRetryCount"> | undefined
  /** Every model must have a complete `config.pbtxt`: nothing is derived from the model file. Default: `false`. */
  readonly strictModelConfig?: boolean | undefined
  /** Use `configs/‹name›.pbtxt` of a model that has it. Default: `config.pbtxt` only. */
  readonly modelConfigName?: string | undefined
  /** Versions that load at once, over all models; at least 1. Default: 4. */
  readonly loadThreadCount?: number | undefined
  /** Further attempts at a version that fails to load. Default: 0. */
  readonly loadRetryCount?: number | undefined
  /** Models of one name in several roots all load. Default: `false`, and none of them does. */
  readonly modelNamespacing?: boolean | undefined
  /** Fail with `ModelsNotLoaded`, after trying all, when a model cannot be loaded. Default: `true`, as in Triton. */
  readonly exitOnError?: boolean | undefined
  /** Settings of backends: `default-max-batch-size` (4), and thread counts of the `onnxruntime` scope. Default: none. */
  readonly backendConfig?: ReadonlyArray<BackendSetting> | undefined
  /** How models come from other machines: the cache folder, its bytes, patience. Default: those of `RepositorySources`. */
  readonly sources?: SourceOptions | undefined
  /**
   * Which custom models may run, whose code has the rights of this process: `"none"`, `"local"`, those of folders on this machine, or
   * `"all"`, also what comes from other machines and with load requests. Default: `"local"`.
   */
  readonly customModels?: Allowed | undefined
  /** Requests of an ensemble that may wait for a place at one of its steps, see `max_inflight_requests`. Default: 16384. */
  readonly maxQueueSize?: number | undefined
  /** Told of all that happens, in the fiber that does it. Default: nobody. */
  readonly onEvent?: ((event: LoadEvent) => Effect.Effect<void>) | undefined
}

/** Options with every default in place. @category models */
export type Settings =
  & { readonly [Key in Exclude<keyof Options, "residency">]-?: Exclude<Options[Key], undefined> }
  & Required<Pick<Options, "residency">>

/** @category constructors */
export const settings = (options: Options): Settings => ({
  paths: options.paths,
  controlMode: options.controlMode ?? "none",
  loadModels: options.loadModels ?? [],
  pollInterval: options.pollInterval ?? Duration.seconds(15),
  settleTime: options.settleTime ?? Duration.seconds(1),
  maxOverriddenModels: Math.max(0, options.maxOverriddenModels ?? 100),
  residency: options.residency,
  strictModelConfig: options.strictModelConfig ?? false,
  modelConfigName: options.modelConfigName ?? "",
  loadThreadCount: Math.max(1, options.loadThreadCount ?? 4),
  loadRetryCount: Math.max(0, options.loadRetryCount ?? 0),
  modelNamespacing: options.modelNamespacing ?? false,
  exitOnError: options.exitOnError ?? true,
  backendConfig: options.backendConfig ?? [],
  sources: options.sources ?? {},
  customModels: options.customModels ?? "local",
  maxQueueSize: options.maxQueueSize ?? 16_384,
  onEvent: options.onEvent ?? (() => Effect.void)
})
