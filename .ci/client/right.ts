// A program on the module that `galatea codegen` wrote: it compiles, and it runs.
import { InferenceServerError, tensor } from "galatea/client"
import { connect } from "./models.ts"

declare const process: { readonly argv: ReadonlyArray<string> }

const client = connect(process.argv[2] ?? "http://localhost:8000", { timeoutMillis: 10_000 })
const row = Int32Array.from({ length: 16 }, (_, i) => i)
const { modelVersion, outputs } = await client.infer(
  "simple",
  { INPUT0: tensor(row, [1, 16]), INPUT1: { shape: [1, 16], data: row } },
  { outputs: ["OUTPUT0"] }
)
const sums: Int32Array = outputs.OUTPUT0.data
if (sums.some((sum, i) => sum !== 2 * i)) throw new Error(`wrong sums: ${sums.join()}`)

const refused = await client.infer("simple", { INPUT0: tensor(row, [1, 16]), INPUT1: tensor(row, [2, 8]) }).then(
  () => "nothing",
  (error: unknown) => error instanceof InferenceServerError ? error.message : String(error)
)
console.log(`simple version ${modelVersion}: ${sums.join(" ")}\nrefused: ${refused}`)
await client.close()
