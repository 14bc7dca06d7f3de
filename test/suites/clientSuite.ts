/** What every client promises, against a server on the repository of `test/clients/repository.ts`. */
import { assert } from "@effect/vitest"
import type { InferenceClient, InferenceServerError } from "../../src/client/Client.ts"
import { tensor } from "../../src/client/Client.ts"

/** What sets a client apart from the others. */
export interface Traits {
  /** FP16 has no form in JSON. */
  readonly half: boolean
  /** Statuses of HTTP are told in errors. */
  readonly statuses: boolean
}

export type Case = readonly [title: string, run: (client: InferenceClient, traits: Traits) => Promise<void>]

const row = Int32Array.from({ length: 16 }, (_, i) => i)
const ones = new Int32Array(16).fill(1)
const inputs = { INPUT0: tensor(row, [1, 16]), INPUT1: { shape: [1, 16], data: ones } }

const failure = (promise: Promise<unknown>): Promise<InferenceServerError> =>
  promise.then(() => assert.fail("it succeeded"), (error: InferenceServerError) => {
    assert.strictEqual(error.name, "InferenceServerError", String(error))
    return error
  })

/** Sixteen values of each datatype, with the extremes. */
const samples = {
  bool: Array.from({ length: 16 }, (_, i) => i % 3 === 0),
  uint8: Uint8Array.from({ length: 16 }, (_, i) => 255 - i),
  uint16: Uint16Array.from({ length: 16 }, (_, i) => 65535 - i),
  uint32: Uint32Array.from({ length: 16 }, (_, i) => 4294967295 - i),
  uint64: BigUint64Array.from({ length: 16 }, (_, i) => 18446744073709551615n - BigInt(i)),
  int8: Int8Array.from({ length: 16 }, (_, i) => i - 128),
  int16: Int16Array.from({ length: 16 }, (_, i) => i - 32768),
  int32: Int32Array.from({ length: 16 }, (_, i) => i - 2147483648),
  int64: BigInt64Array.from({ length: 16 }, (_, i) => BigInt(i) - 9223372036854775808n),
  fp32: Float32Array.from([0.1, -0, NaN, Infinity, -Infinity, 3.4028234663852886e38, 1e-45, ...new Array(9).fill(1.5)]),
  fp64: Float64Array.from([0.1, -0, NaN, Infinity, -Infinity, 1.7976931348623157e308, 5e-324, ...new Array(9).fill(1)]),
  bytes: ["", "a", "ü€😀", "\ufeffmark", "line\nbreak", "\"quoted\"", ...new Array(10).fill("x".repeat(300))]
} as const

export const cases: ReadonlyArray<Case> = [
  ["runs a model and gives typed arrays", async (client) => {
    const response = await client.infer("simple", inputs, { id: "mine" })
    assert.deepStrictEqual([response.id, response.modelName, response.modelVersion], ["mine", "simple", "3"])
    assert.deepStrictEqual(Object.keys(response.outputs), ["OUTPUT0", "OUTPUT1"])
    assert.deepStrictEqual(response.outputs["OUTPUT0"], {
      datatype: "INT32",
      shape: [1, 16],
      data: row.map((value) => value + 1)
    })
    assert.deepStrictEqual(response.outputs["OUTPUT1"]!.data, row.map((value) => value - 1))
  }],

  ["takes a version, and gives only the outputs that were asked for", async (client) => {
    const response = await client.infer("simple", inputs, { version: 1, outputs: ["OUTPUT1"] })
    assert.strictEqual(response.modelVersion, "1")
    assert.deepStrictEqual(Object.keys(response.outputs), ["OUTPUT1"])
  }],

  ["gives each datatype back as it was", async (client) => {
    for (const [name, data] of Object.entries(samples)) {
      const input = tensor(data as Float32Array, [1, 16])
      const response = await client.infer(`identity_${name}`, { INPUT0: input }, { outputs: ["OUTPUT0"] })
      assert.deepStrictEqual(response.outputs.OUTPUT0, input, name)
    }
  }],

  ["gives FP16 back, in the class that the runtime has for it", async (client, { half }) => {
    const input = tensor("FP16", [Array.from({ length: 16 }, (_, i) => i / 4)])
    if (!half) {
      assert.strictEqual((await failure(client.infer("identity_fp16", { INPUT0: input }))).code, "INVALID_ARG")
      return
    }
    const { outputs } = await client.infer("identity_fp16", { INPUT0: input }, { outputs: ["OUTPUT0"] })
    assert.deepStrictEqual(outputs.OUTPUT0.data, Float16Array.from({ length: 16 }, (_, i) => i / 4))
    const bits = await client.infer(
      "identity_fp16",
      { INPUT0: tensor("FP16", new Uint16Array(16).fill(0x3c00), [1, 16]) },
      { outputs: ["OUTPUT0"] }
    )
    assert.deepStrictEqual(bits.outputs.OUTPUT0.data, new Float16Array(16).fill(1))
  }],

  ["gives elements of BYTES as bytes where that is wanted", async (client) => {
    const { outputs } = await client.infer("identity_bytes", { INPUT0: tensor(samples.bytes, [1, 16]) }, {
      outputs: ["OUTPUT0"],
      bytesAs: "Uint8Array"
    })
    assert.deepStrictEqual(
      outputs.OUTPUT0.data as unknown,
      samples.bytes.map((text: string) => new TextEncoder().encode(text))
    )
  }],

  ["takes what came out as an input", async (client) => {
    const first = await client.infer("simple", inputs, { outputs: ["OUTPUT0", "OUTPUT1"] })
    const { OUTPUT0, OUTPUT1 } = first.outputs
    const second = await client.infer("simple", { INPUT0: OUTPUT0, INPUT1: OUTPUT1 }, { outputs: ["OUTPUT0"] })
    assert.deepStrictEqual(second.outputs.OUTPUT0.data, row.map((value) => 2 * value))
  }],

  ["moves large tensors", async (client) => {
    const data = Float32Array.from({ length: 300_000 }, (_, i) => i)
    const { outputs } = await client.infer("identity_wide", { INPUT0: tensor(data, [1, data.length]) }, {
      outputs: ["OUTPUT0"]
    })
    assert.deepStrictEqual(outputs.OUTPUT0.data, data)
  }],

  ["runs many calls at a time, and keeps them apart", async (client) => {
    const responses = await Promise.all(
      Array.from(
        { length: 32 },
        (_, i) => client.infer("identity_wide", { INPUT0: tensor(new Float32Array(i + 1).fill(i), [1, i + 1]) })
      )
    )
    for (const [i, { outputs }] of responses.entries()) {
      assert.deepStrictEqual(outputs["OUTPUT0"]!.data, new Float32Array(i + 1).fill(i))
    }
  }],

  ["classifies", async (client) => {
    const { outputs } = await client.infer(
      "classifier",
      { INPUT0: tensor("FP32", [[0, 3, 1, 2]]) },
      { outputs: [{ name: "SCORES", classification: 2 }] }
    )
    assert.deepStrictEqual(outputs.SCORES.shape, [1, 2])
    assert.match(String(outputs.SCORES.data[0]), /^[\d.]+:1:bee$/)
  }],

  ["tells about the server and its models", async (client) => {
    assert.deepStrictEqual([await client.serverLive(), await client.serverReady()], [true, true])
    const server = await client.serverMetadata()
    assert.include(server.extensions, "binary_tensor_data")
    assert.isTrue(await client.modelReady("simple"))
    assert.isTrue(await client.modelReady("simple", { version: "1" }))
    assert.isFalse(await client.modelReady("simple", { version: 2 }))
    assert.isFalse(await client.modelReady("nothing"))
    const metadata = await client.modelMetadata("simple", { version: 1 })
    assert.deepStrictEqual(metadata, {
      name: "simple",
      versions: ["1"],
      platform: "onnxruntime_onnx",
      inputs: [
        { name: "INPUT0", datatype: "INT32", shape: [-1, 16] },
        { name: "INPUT1", datatype: "INT32", shape: [-1, 16] }
      ],
      outputs: [
        { name: "OUTPUT0", datatype: "INT32", shape: [-1, 16] },
        { name: "OUTPUT1", datatype: "INT32", shape: [-1, 16] }
      ]
    })
    const config = await client.modelConfig("simple")
    assert.deepStrictEqual([config.name, config.max_batch_size], ["simple", 8])
    assert.strictEqual(config.input![0]!.data_type, "TYPE_INT32")
  }],

  ["tells what was counted", async (client) => {
    const before = (await client.statistics("simple", { version: 3 }))[0]!
    await client.infer("simple", inputs)
    const after = (await client.statistics("simple", { version: 3 }))[0]!
    assert.strictEqual(after.inference_count, before.inference_count + 1)
    assert.strictEqual(after.inference_stats.success.count, before.inference_stats.success.count + 1)
    assert.isAbove(after.inference_stats.success.ns, before.inference_stats.success.ns)
    assert.isAtLeast(after.batch_stats[0]!.compute_infer.count, 1)
    assert.includeMembers((await client.statistics()).map(({ name }) => name), ["simple", "classifier"])
  }],

  ["tells and changes what is traced", async (client) => {
    const before = await client.traceSettings()
    assert.deepStrictEqual(before, {
      level: ["OFF"],
      rate: 1000,
      count: -1,
      logFrequency: 0,
      file: "",
      mode: "triton",
      opentelemetry: []
    })
    const changed = { ...before, rate: 5, count: 7, logFrequency: 3 }
    assert.deepStrictEqual(
      await client.changeTraceSettings({ rate: 5, count: 7, logFrequency: 3 }, { model: "simple" }),
      changed
    )
    assert.deepStrictEqual([await client.traceSettings("simple"), await client.traceSettings()], [changed, before])
    assert.deepStrictEqual(
      await client.changeTraceSettings({ count: null, level: ["OFF"] }, { model: "simple" }),
      { ...changed, count: -1 }
    )
    const all = { rate: null, count: null, logFrequency: null, level: null }
    assert.deepStrictEqual(await client.changeTraceSettings(all, { model: "simple" }), before)
    assert.deepStrictEqual(await client.changeTraceSettings({ rate: 9 }), { ...before, rate: 9 })
    assert.deepStrictEqual(await client.changeTraceSettings({ rate: null }), before)
    const file = await failure(client.changeTraceSettings({ level: ["TIMESTAMPS"] }))
    assert.deepStrictEqual(
      [file.code, file.message],
      ["INVALID_ARG", "Attempting to set invalid trace setting :trace file name is not given"]
    )
    const off = await failure(client.changeTraceSettings({ level: ["OFF", "TENSORS"] }))
    assert.deepStrictEqual([off.code, off.message], [
      "INVALID_ARG",
      "Expect only one trace level 'OFF' is specified"
    ])
    assert.strictEqual((await failure(client.traceSettings("nothing"))).code, "NOT_FOUND")
  }],

  ["tells and changes what is written into the log", async (client) => {
    const before = await client.logSettings()
    assert.deepStrictEqual(before, {
      file: "",
      info: true,
      warning: true,
      error: true,
      verboseLevel: 0,
      format: "default"
    })
    const changed = { ...before, info: false, verboseLevel: 2, format: "json" as const }
    assert.deepStrictEqual(
      await client.changeLogSettings({ info: false, verboseLevel: 2, format: "json" }),
      changed
    )
    assert.deepStrictEqual(await client.changeLogSettings({}), changed)
    assert.deepStrictEqual(await client.logSettings(), changed)
    const { file: _, ...all } = before
    assert.deepStrictEqual(await client.changeLogSettings(all), before)
  }],

  ["lists the repository", async (client) => {
    const entries = await client.repositoryIndex()
    assert.deepStrictEqual(entries.filter(({ name }) => name === "simple"), [
      { name: "simple", version: "1", state: "READY" },
      { name: "simple", version: "3", state: "READY" }
    ])
    assert.deepStrictEqual(await client.repositoryIndex({ readyOnly: true }), entries)
  }],

  ["fails in the words of the server", async (client, { statuses }) => {
    const unknown = await failure(client.infer("nothing", inputs))
    assert.strictEqual(unknown.message, "Request for unknown model: 'nothing' is not found")
    assert.deepStrictEqual([unknown.code, unknown.retryable], ["NOT_FOUND", false])
    assert.strictEqual(unknown.status, statuses ? 404 : undefined)
    const shape = await failure(
      client.infer("simple", { ...inputs, INPUT1: tensor(new Int32Array(3), [1, 3]) }, { id: "q" })
    )
    assert.match(
      shape.message,
      /^\[request id: q\] unexpected shape for input 'INPUT1' for model 'simple'\. Expected \[-1,16\]/
    )
    assert.strictEqual(shape.code, "INVALID_ARG")
    const output = await failure(client.infer("simple", inputs, { outputs: ["OUTPUT9"] }))
    assert.strictEqual(output.message, "unexpected inference output 'OUTPUT9' for model 'simple'")
    assert.strictEqual((await failure(client.modelMetadata("nothing"))).code, "NOT_FOUND")
    assert.strictEqual((await failure(client.statistics("nothing"))).code, "INVALID_ARG")
  }],

  ["fails where models cannot be loaded and unloaded at run time", async (client) => {
    for (const call of [client.loadModel("simple"), client.unloadModel("simple")]) {
      const { code, message } = await failure(call)
      assert.strictEqual(message, "explicit model load / unload is not allowed if polling is enabled")
      assert.strictEqual(code, "UNAVAILABLE")
    }
  }],

  ["tells what is wrong before anything is sent", async (client) => {
    const told = async (given: Record<string, unknown>) =>
      (await failure(client.infer("simple", given as typeof inputs))).message
    assert.strictEqual(
      await told({ INPUT0: { shape: [1, 16], data: new Int32Array(15) } }),
      "input 'INPUT0' of model 'simple' has 15 elements, and its shape [1,16] needs 16"
    )
    assert.strictEqual(
      await told({ INPUT0: { datatype: "INT32", shape: [16], data: new Float32Array(16) } }),
      "input 'INPUT0' of model 'simple' is INT32 but its data is a Float32Array; give an Int32Array"
    )
  }],

  ["rejects with the reason of a signal that was aborted", async (client) => {
    const reason = new Error("enough")
    const aborted = AbortSignal.abort(reason)
    assert.strictEqual(await client.infer("simple", inputs, { signal: aborted }).catch((error) => error), reason)
    const controller = new AbortController()
    const call = client.infer("simple", inputs, { signal: controller.signal }).catch((error) => error)
    controller.abort(reason)
    assert.strictEqual(await call, reason)
    assert.isTrue(await client.modelReady("simple"), "other calls go on")
  }]
]
