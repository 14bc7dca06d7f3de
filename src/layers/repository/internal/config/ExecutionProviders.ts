/**
 * Which execution providers each GPU instance of a model asks for, out of what its config says and what this machine has.
 *
 * Source: model-config §6.7.
 */
import { Result } from "effect"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import type { FoundDevice, GpuSupport, PlannedProvider } from "../../../../services/Executor.ts"
import type { ConfigFault } from "./ConfigFault.ts"
import { invalid } from "./ConfigFault.ts"
import { type Accelerator, askedOf, cudaParameters, isOnGpu } from "./ValidateAccelerators.ts"

/** The parameter that lets a model run without the accelerator that it asks for. @category constants */
export const fallbackParameter = "galatea.provider_fallback"

/** What the binding of ONNX Runtime calls an accelerator. */
const providerOf = (accelerator: string): string => accelerator === "directml" ? "dml" : accelerator

/** @category models */
export interface Providers {
  /** Of an instance on the GPU with this id, in the order in which they are asked; `undefined`: what the GPU has. */
  readonly of: (id: number) => ReadonlyArray<PlannedProvider> | undefined
  readonly warnings: ReadonlyArray<string>
}

const truths: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["on", true],
  ["false", false],
  ["0", false],
  ["off", false]
])

const mayFallBack = (config: ModelConfig): Result.Result<boolean, ConfigFault> => {
  const text = config.parameters[fallbackParameter]?.string_value
  const value = text === undefined ? false : truths.get(text.toLowerCase())
  return value === undefined
    ? Result.fail(invalid(`failed to convert '${text}' to boolean (parameter '${fallbackParameter}')`))
    : Result.succeed(value)
}

const without = `set the parameter ${fallbackParameter} to "true" to run without it`

/** Options that ONNX Runtime's binding carries; it gives CUDA and TensorRT nothing but the device. */
const carried: ReadonlySet<string> = new Set(["webgpu", "coreml"])

function* optionWarnings(config: ModelConfig, asked: ReadonlyArray<Accelerator>): Generator<string> {
  const lost = "ONNX Runtime's JavaScript binding tells that provider nothing but its device"
  for (const { name, parameters } of asked) {
    const names = Object.keys(parameters)
    if (names.length === 0 || carried.has(name)) continue
    yield `model '${config.name}': ${
      names.map((one) => `'${one}'`).join(", ")
    } of the execution accelerator '${name}' ` +
      `${names.length === 1 ? "has" : "have"} no effect: ${lost}.`
  }
  for (const key of cudaParameters) {
    if (config.parameters[key] === undefined) continue
    yield `parameter '${key}' of model '${config.name}' has no effect: ${lost}.`
  }
}

/**
 * The providers of a model whose accelerators are valid and whose groups are normalised. One that is asked for and does not work
 * here is an error, unless the config lets the model run without.
 *
 * Errors: UNSUPPORTED, what is missing and what to do about it; INVALID_ARG for a parameter that cannot be read.
 *
 * @category constructors
 */
export const choose = (
  config: ModelConfig,
  devices: ReadonlyArray<FoundDevice>,
  gpus: GpuSupport | undefined
): Result.Result<Providers, ConfigFault> =>
  Result.gen(function*() {
    const model = `model '${config.name}'`
    const fallback = yield* mayFallBack(config)
    const warnings: Array<string> = []
    const lacks = (fault: string): Result.Result<void, ConfigFault> => {
      if (!fallback) return Result.fail({ code: "UNSUPPORTED", message: `${fault}, or ${without}` })
      warnings.push(`${fault}; it runs without.`)
      return Result.succeed(undefined)
    }

    for (const { name } of askedOf(config, "cpu")) {
      yield* lacks(
        `${model} asks for the execution accelerator '${name}' on the CPU, which ONNX Runtime's JavaScript binding does not ` +
          "have: remove it from cpu_execution_accelerator"
      )
    }
    const asked = askedOf(config, "gpu")
    if (!isOnGpu(config)) {
      if (asked.length > 0) {
        const names = asked.map(({ name }) => `'${name}'`).join(", ")
        warnings.push(`${model} asks for the execution accelerator ${names} on GPUs, but has no instance on one.`)
      }
      return { of: () => undefined, warnings }
    }

    const chosen = new Map<number, ReadonlyArray<PlannedProvider>>()
    const used = new Set(config.instance_group.flatMap(({ gpus, kind }) => kind === "KIND_GPU" ? gpus : []))
    for (const { id, kind, providers } of devices) {
      if (kind !== "GPU" || !used.has(id) || providers === undefined) continue
      const list: Array<PlannedProvider> = []
      for (const { name, parameters } of asked) {
        const provider = providerOf(name)
        if (!providers.includes(provider)) {
          const missing = gpus?.missing[provider] ?? "it works on other devices only"
          yield* lacks(
            `${model} asks for the execution accelerator '${name}', which GPU ${id} does not run: ${missing}`
          )
        } else if (list.every((one) => one.name !== provider)) {
          list.push({ name: provider, options: carried.has(provider) ? parameters : {} })
        }
      }
      // TensorRT leaves what it cannot do to CUDA, as in Triton; any other provider leaves it to the CPU.
      const base = providers.find((one) => one !== "tensorrt")
      const complete = list.some(({ name }) => name !== "tensorrt")
      if (base !== undefined && !complete) list.push({ name: base, options: {} })
      chosen.set(id, list)
    }
    warnings.push(...optionWarnings(config, asked))
    return { of: (id: number) => chosen.get(id), warnings }
  })
