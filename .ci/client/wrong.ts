// Programs that do not fit the models. Each line below a comment must be an error: `tsc` says so where one is not.
import { tensor } from "galatea/client"
import { connect } from "./models.ts"

const client = connect("http://localhost:8000")
const row = new Int32Array(16)
const good = tensor(row, [1, 16])
const inputs = { INPUT0: good, INPUT1: good }

// @ts-expect-error no such model
await client.infer("simpel", inputs)
// @ts-expect-error no such input
await client.infer("simple", { INPUT0: good, INPUT1: good, INPUT2: good })
// @ts-expect-error an input is missing
await client.infer("simple", { INPUT0: good })
// @ts-expect-error another class of typed array
await client.infer("simple", { INPUT0: good, INPUT1: tensor(new Float32Array(16), [1, 16]) })
// @ts-expect-error another rank
await client.infer("simple", { INPUT0: good, INPUT1: tensor(row, [16]) })
// @ts-expect-error no such output
await client.infer("simple", inputs, { outputs: ["OUTPUT2"] })
// @ts-expect-error an output that was not asked for
const { OUTPUT1 } = (await client.infer("simple", inputs, { outputs: ["OUTPUT0"] })).outputs
// @ts-expect-error another class of typed array
const sums: Float32Array = (await client.infer("simple", inputs)).outputs.OUTPUT0.data
console.log(OUTPUT1, sums)
