import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import * as CurlCommands from "../../../src/layers/cli/internal/CurlCommands.ts"
import type { Draft } from "../../../src/schema/ModelConfig.ts"
import { model } from "../Memory.ts"

type Input = NonNullable<Draft["input"]>[number]

const of = (name: string, input: ReadonlyArray<Input>, rest: Draft = {}) => model({ ...rest, name, input })

const int32: Input = { name: "X", data_type: "TYPE_INT32", dims: [3] }

/** What the shell gives to curl, one argument per line. */
const inShell = (command: string): ReadonlyArray<string> =>
  execFileSync("/bin/sh", ["-c", `curl() { for a; do printf '%s\\n' "$a"; done; }; ${command}`], { encoding: "utf8" })
    .trimEnd().split("\n")

describe("CurlCommands", () => {
  it("asks for readiness only, without models", () => {
    assert.deepStrictEqual(CurlCommands.commands("http://h:1", []), ["curl -i 'http://h:1/v2/health/ready'"])
    assert.deepStrictEqual(CurlCommands.commands("http://h:1", [], "m"), [
      "curl -i 'http://h:1/v2/health/ready'",
      "curl -s 'http://h:1/v2/models/m'"
    ])
  })

  it("prefers a small model whose shapes are fixed", () => {
    const small = of("small", [int32])
    const large = of("large", [{ ...int32, dims: [60] }])
    const free = of("free", [{ ...int32, dims: [-1] }])
    const stateful = of("a_stateful", [{ ...int32, dims: [1] }], { sequence_batching: {} })
    assert.strictEqual(CurlCommands.choose([free, large, stateful, small])?.name, "small")
    assert.strictEqual(CurlCommands.choose([free, stateful])?.name, "free")
    assert.isUndefined(CurlCommands.choose([of("huge", [{ ...int32, dims: [100_000_000] }])]))
  })

  it("sends small inputs as JSON, with a batch of one, as the shell passes it", () => {
    const [, metadata, infer] = CurlCommands.commands("http://h:1", [
      of("it's", [
        int32,
        { name: "S", data_type: "TYPE_STRING", dims: [2] },
        { name: "B", data_type: "TYPE_BOOL", dims: [2] },
        { ...int32, name: "O", optional: true }
      ], { max_batch_size: 4 })
    ])
    assert.deepStrictEqual(inShell(metadata!), ["-s", "http://h:1/v2/models/it's"])
    const [, , body, url] = inShell(infer!)
    assert.strictEqual(url, "http://h:1/v2/models/it's/infer")
    assert.deepStrictEqual(JSON.parse(body!), {
      inputs: [
        { name: "X", shape: [1, 3], datatype: "INT32", data: [0, 1, 2] },
        { name: "S", shape: [1, 2], datatype: "BYTES", data: ["0", "1"] },
        { name: "B", shape: [1, 2], datatype: "BOOL", data: [false, true] }
      ]
    })
  })

  it("sends large inputs and FP16, which JSON cannot carry, as binary zeros", () => {
    for (
      const [input, size] of [
        [{ ...int32, dims: [100] }, 400],
        [{ ...int32, data_type: "TYPE_FP16" }, 6]
      ] as const
    ) {
      const infer = CurlCommands.commands("http://h:1", [of("m", [input])])[2]!
      const header = /printf %s '([^']*)'/.exec(infer)![1]!
      assert.include(infer, `Inference-Header-Content-Length: ${header.length}'`)
      assert.include(infer, `head -c ${size} /dev/zero`)
      assert.strictEqual(JSON.parse(header).inputs[0].parameters.binary_data_size, size)
    }
  })
})
