/**
 * The program of the process that tries GPUs: it may crash or hang in a driver, which its parent takes for an answer.
 *
 * It writes one line of JSON for each thing that it is about to try or has learnt, see `Line`.
 */
import { writeSync } from "node:fs"
import * as ort from "onnxruntime-node"
import { binding, initOrt } from "onnxruntime-node/dist/binding.js"
import * as Provider from "./Provider.ts"

/** @category models */
export type Line =
  | { readonly _tag: "Providers"; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "Trying"; readonly provider: string; readonly id: number }
  | { readonly _tag: "Works"; readonly provider: string; readonly id: number }
  | { readonly _tag: "Fails"; readonly provider: string; readonly id: number; readonly reason: string }

const say = (line: Line): void => void writeSync(1, `${JSON.stringify(line)}\n`)

/** Adds a number to itself where the provider is: nothing may be left to the CPU. Throws what the runtime says. */
const attempt = (provider: string, id: number): void => {
  const session = new binding.InferenceSession()
  const { buffer, byteLength, byteOffset } = Provider.probeModel
  session.loadModel(buffer, byteOffset, byteLength, {
    executionProviders: [Provider.native({ name: provider, options: {} }, id)],
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
    extra: { session: { disable_cpu_ep_fallback: "1" } }
  } as never)
  const x = { type: "float32", data: Float32Array.of(20.5), dims: [1], location: "cpu" }
  const { y } = session.run({ x } as never, { y: null } as never, {}) as unknown as {
    readonly y: { data: Float32Array }
  }
  session.dispose()
  if (y.data[0] !== 41) throw new Error(`a sum came out wrong: 20.5 + 20.5 = ${y.data[0]}`)
}

const main = (skipped: ReadonlyArray<string>): void => {
  // What the runtime could not load stands in its log alone, which goes to the standard error.
  ort.env.logLevel = "error"
  initOrt()
  const names = ort.listSupportedBackends().map(({ name }) => name)
  say({ _tag: "Providers", names })
  for (const provider of Provider.onGpus) {
    if (!names.includes(provider) || skipped.includes(provider)) continue
    for (let id = 0; id < Provider.maxDevices(provider); id++) {
      say({ _tag: "Trying", provider, id })
      writeSync(2, `\n${Provider.mark(provider)}\n`)
      try {
        attempt(provider, id)
      } catch (error) {
        say({ _tag: "Fails", provider, id, reason: error instanceof Error ? error.message : String(error) })
        break
      }
      say({ _tag: "Works", provider, id })
    }
  }
}

main(process.argv.slice(2))
