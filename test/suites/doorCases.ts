/** The requests of the shared suite, and what every door answers them. */
import type { Tensor } from "../../src/schema/Inference.ts"
import * as Tensors from "../../src/schema/Tensor.ts"
import type { Request } from "../../src/services/InferenceServer.ts"
import { datatypes } from "./DoorServer.ts"

const row = (first = 0): Int32Array => Int32Array.from({ length: 16 }, (_, i) => first + i)

/** A request of `simple`: the answers are its sums and its differences. */
export const simple = (changes: Partial<Request> = {}): Request => ({
  model: "simple",
  inputs: [Tensors.from("INPUT0", [1, 16], row(5)), Tensors.from("INPUT1", [1, 16], row())],
  ...changes
})

const sums = Tensors.from("OUTPUT0", [1, 16], Int32Array.from({ length: 16 }, (_, i) => 5 + 2 * i))
const differences = Tensors.from("OUTPUT1", [1, 16], new Int32Array(16).fill(5))

/** A tensor of each datatype with the values at its borders. */
const extremes: ReadonlyArray<Tensor> = [
  Tensors.fromBooleans("", [1, 2], [true, false]),
  Tensors.from("", [1, 2], Uint8Array.of(0, 255)),
  Tensors.from("", [1, 2], Uint16Array.of(0, 65_535)),
  Tensors.from("", [1, 2], Uint32Array.of(0, 4_294_967_295)),
  Tensors.from("", [1, 2], BigUint64Array.of(0n, 18_446_744_073_709_551_615n)),
  Tensors.from("", [1, 2], Int8Array.of(-128, 127)),
  Tensors.from("", [1, 2], Int16Array.of(-32_768, 32_767)),
  Tensors.from("", [1, 2], Int32Array.of(-2_147_483_648, 2_147_483_647)),
  Tensors.from("", [1, 2], BigInt64Array.of(-9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n)),
  Tensors.from("", [1, 2], Float16Array.of(-65_504, 0.5)),
  Tensors.from("", [1, 2], Float32Array.of(-3.4028234663852886e38, 1e-45)),
  Tensors.from("", [1, 2], Float64Array.of(-1.7976931348623157e308, 5e-324)),
  Tensors.fromStrings("", [1, 2], ["", "grün \u{1f600}\n\"\\"])
]

interface Case {
  readonly name: string
  readonly request: Request
  /** Doors that have another answer, which tests of their own look at. */
  readonly except?: ReadonlyArray<string>
}

interface Answered extends Case {
  readonly outputs: ReadonlyArray<Tensor>
  readonly id?: string
  readonly version?: string
}

const identity = (name: string, tensor: Tensor): Answered => ({
  name,
  request: { model: `identity_${tensor.datatype.toLowerCase()}`, inputs: [{ ...tensor, name: "INPUT0" }] },
  outputs: [{ ...tensor, name: "OUTPUT0" }]
})

const large = Float32Array.from({ length: 150_000 }, (_, i) => i / 4)
const rows = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8)

/** Requests that succeed. */
export const answered: ReadonlyArray<Answered> = [
  ...datatypes.map((datatype) =>
    identity(`carries ${datatype}`, extremes.find((tensor) => tensor.datatype === datatype)!)
  ),
  identity("carries a tensor without elements", Tensors.from("", [2, 0], Float32Array.of())),
  identity("carries a large tensor", Tensors.from("", [3, 50_000], large)),
  {
    name: "carries a value of a model's scalar",
    request: { model: "scalar", inputs: [Tensors.from("INPUT0", [1], Float32Array.of(2))] },
    outputs: [Tensors.from("OUTPUT0", [1], Float32Array.of(4))]
  },
  {
    name: "gives all outputs, sorted, of the greatest version",
    request: simple(),
    outputs: [sums, differences],
    version: "3"
  },
  {
    name: "gives the version that is asked for",
    request: simple({ version: "1" }),
    outputs: [sums, differences],
    version: "1"
  },
  { name: "gives the id back", request: simple({ id: "a \"b\" ü" }), outputs: [sums, differences], id: "a \"b\" ü" },
  {
    name: "gives the output that is asked for",
    request: simple({ outputs: [{ name: "OUTPUT1", classification: 0 }] }),
    outputs: [differences]
  },
  {
    name: "takes several rows",
    request: { model: "wide", inputs: [Tensors.from("INPUT0", [4, 2], rows)] },
    outputs: [Tensors.from("OUTPUT0", [4, 2], rows)]
  },
  {
    name: "classifies",
    request: {
      model: "classifier",
      inputs: [Tensors.from("INPUT0", [1, 4], Float32Array.of(0, 3, 1, 2))],
      outputs: [{ name: "SCORES", classification: 2 }]
    },
    outputs: [Tensors.fromStrings("SCORES", [1, 2], ["3.000000:1:bee", "2.000000:3:dog"])]
  }
]

interface Refused extends Case {
  readonly status: number
  readonly message: string
}

const { inputs } = simple()
const output = (name: string, classification = 0) => ({ name, classification })

/** Requests that are refused before anything runs. */
export const refused: ReadonlyArray<Refused> = [
  {
    name: "an unknown model",
    request: simple({ model: "nope" }),
    status: 404,
    message: "Request for unknown model: 'nope' is not found"
  },
  {
    name: "an unknown version",
    request: simple({ version: "2" }),
    status: 404,
    message: "Request for unknown model: 'simple' version 2 is not found"
  },
  {
    name: "a missing input",
    request: simple({ inputs: [inputs[0]!], id: "7" }),
    status: 400,
    message:
      "[request id: 7] expected 2 inputs but got 1 inputs for model 'simple'. Got input(s) ['INPUT0'], but missing " +
      "required input(s) ['INPUT1']. Please provide all required input(s)."
  },
  {
    name: "a surplus input",
    request: simple({ inputs: [...inputs, { ...inputs[0]!, name: "INPUT2" }], id: "7" }),
    status: 400,
    message: "[request id: 7] expected 2 inputs but got 3 inputs for model 'simple'. Got input(s) " +
      "['INPUT0','INPUT1','INPUT2'], but missing required input(s) ]. Please provide all required input(s)."
  },
  {
    name: "an unknown input",
    request: simple({ inputs: [inputs[0]!, { ...inputs[1]!, name: "X" }] }),
    status: 400,
    message: "unexpected inference input 'X' for model 'simple'"
  },
  {
    name: "an input twice",
    request: simple({ inputs: [inputs[0]!, inputs[0]!], id: "7" }),
    status: 400,
    message: "[request id: 7] input 'INPUT0' already exists in request"
  },
  {
    name: "an unknown output",
    request: simple({ outputs: [output("X")] }),
    status: 400,
    message: "unexpected inference output 'X' for model 'simple'"
  },
  {
    name: "an output twice",
    request: simple({ outputs: [output("OUTPUT0"), output("OUTPUT0")], id: "7" }),
    status: 400,
    message: "[request id: 7] output 'OUTPUT0' already exists in request"
  },
  {
    name: "a wrong shape",
    request: { model: "classifier", inputs: [Tensors.from("INPUT0", [1, 3], new Float32Array(3))], id: "7" },
    status: 400,
    message:
      "[request id: 7] unexpected shape for input 'INPUT0' for model 'classifier'. Expected [-1,4], got [1,3]. NOTE: " +
      "Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. " +
      "If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size " +
      "to zero. See the model configuration docs for more info on max_batch_size."
  },
  {
    name: "more rows than the model takes",
    request: { model: "wide", inputs: [Tensors.from("INPUT0", [5, 1], new Float32Array(5))], id: "7" },
    status: 400,
    message: "[request id: 7] inference request batch-size must be <= 4 for 'wide'"
  },
  {
    name: "inputs of different batches",
    request: simple({ inputs: [inputs[0]!, Tensors.from("INPUT1", [2, 16], new Int32Array(32))], id: "7" }),
    status: 400,
    message: "[request id: 7] input 'INPUT1' batch size does not match other inputs for 'simple'"
  },
  {
    name: "a wrong datatype",
    request: simple({ inputs: [inputs[0]!, Tensors.from("INPUT1", [1, 16], new Float32Array(16))], id: "7" }),
    status: 400,
    message: "[request id: 7] inference input 'INPUT1' data-type is 'FP32', but model 'simple' expects 'INT32'"
  },
  {
    name: "too few bytes",
    // JSON has elements instead, and Triton's words for them.
    except: ["HTTP, JSON"],
    request: simple({ inputs: [inputs[0]!, Tensors.from("INPUT1", [1, 16], new Int32Array(15))], id: "7" }),
    status: 400,
    message: "[request id: 7] input byte size mismatch for input 'INPUT1' for model 'simple'. Expected 64, got 60"
  },
  {
    name: "classes of strings",
    request: {
      model: "identity_bytes",
      inputs: [Tensors.fromStrings("INPUT0", [1, 1], ["a"])],
      outputs: [output("OUTPUT0", 1)]
    },
    status: 400,
    message: "class result not available for output due to unsupported type 'BYTES'"
  },
  {
    name: "a reserved parameter",
    // A program that has the server inside may set what it likes; over gRPC the text names the one key that may be set.
    except: ["in process", "gRPC"],
    request: simple({ parameters: new Map([["triton_x", 1]]) }),
    status: 400,
    message: "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified."
  }
]
