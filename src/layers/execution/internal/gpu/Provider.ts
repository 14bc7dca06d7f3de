/** ONNX Runtime's execution providers on GPUs: how the binding is asked for them, and what each needs. */
import type { PlannedProvider } from "../../../../services/Executor.ts"

/** Best first: what a GPU runs with when its model asks for nothing. TensorRT is asked for by name only. @category constants */
export const onGpus: ReadonlyArray<string> = ["cuda", "tensorrt", "webgpu", "dml", "coreml"]

/** Which of them name a device by its number; the others have one, which the system chooses. */
const numbered: ReadonlySet<string> = new Set(["cuda", "tensorrt", "dml"])

/** Devices that are tried at most. @category getters */
export const maxDevices = (provider: string): number => numbered.has(provider) ? 64 : 1

/** A provider as the binding takes it, on the device with this number. @category constructors */
export const native = ({ name, options }: PlannedProvider, id: number): Readonly<Record<string, unknown>> => {
  if (numbered.has(name)) return { name, deviceId: id }
  const { coreMlFlags, forceCpuNodeNames, ...rest } = options
  return {
    name,
    ...rest,
    ...(coreMlFlags === undefined ? {} : { coreMlFlags: Number(coreMlFlags) }),
    ...(forceCpuNodeNames === undefined ? {} : { forceCpuNodeNames: forceCpuNodeNames.split(/[\n,]/) })
  }
}

/** How every `mark` begins. @category constants */
export const marked = "galatea tries "

/** The line before what is said on the standard error while a provider is tried. @category constructors */
export const mark = (provider: string): string => `${marked}${provider}:`

const install = "ONNXRUNTIME_NODE_INSTALL=true npm rebuild onnxruntime-node"

/** What to do where a provider does not work, a sentence part; docs/gpu.md has the whole of it. @category getters */
export const remedy = (provider: string): string => {
  switch (provider) {
    case "cuda":
      return `install its libraries (${install}), and CUDA and cuDNN for them, see docs/gpu.md`
    case "tensorrt":
      return `install its libraries (${install}), and CUDA, cuDNN and TensorRT for them, see docs/gpu.md`
    case "webgpu":
      return process.platform === "linux"
        ? "install the Vulkan loader (libvulkan1) and the GPU's Vulkan driver, see docs/gpu.md"
        : "install the GPU's driver, see docs/gpu.md"
    default:
      return "see docs/gpu.md"
  }
}

/** Providers that this platform's binding never has. @category getters */
export const absent = (provider: string): string => {
  switch (provider) {
    case "dml":
      return "ONNX Runtime has DirectML on Windows only"
    case "coreml":
      return "ONNX Runtime has CoreML on macOS only"
    case "webgpu":
      return "this build of ONNX Runtime's binding has no WebGPU"
    default:
      return "ONNX Runtime's binding has it on Linux x64 only"
  }
}

// An ONNX file: float `x` [1] → `y` = x + x.
const probeFile =
  "CAoSB2dhbGF0ZWE6OQoOCgF4CgF4EgF5IgNBZGQSBWdyYXBoWg8KAXgSCgoICAESBAoCCAFiDwoBeRIKCggIARIECgIIAUIECgAQFQ=="

/** The smallest model that computes something: FP32 `x` `[1]` → `y`, twice as much. @category constants */
export const probeModel: Uint8Array<ArrayBuffer> = Uint8Array.from(Buffer.from(probeFile, "base64"))
