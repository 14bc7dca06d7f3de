/** Requests for inference over HTTP and gRPC. */
import { Result } from "effect"
import { toRequest } from "../../../src/layers/frontend/internal/grpc/rpcs/infer/InferRequest.ts"
import * as InferRequestReader from "../../../src/layers/frontend/internal/grpc/rpcs/infer/InferRequestReader.ts"
import { decode } from "../../../src/layers/frontend/internal/infer/InferRequestDecoder.ts"
import { KnownTexts } from "../../../src/layers/frontend/internal/infer/KnownTexts.ts"
import { isReadFailure } from "../../../src/layers/frontend/internal/json/JsonAccess.ts"
import { ModelInferRequest } from "../../../src/schema/proto/InferFields.ts"
import * as WireMessageReader from "../../../src/schema/proto/WireMessageReader.ts"
import { planOf } from "../../../src/schema/proto/WirePlan.ts"
import { WireProblem } from "../../../src/schema/proto/WireProblem.ts"
import { WireReader } from "../../../src/schema/proto/WireReader.ts"
import { regionNotFound } from "../../../src/services/ClientMemory.ts"
import * as Messages from "../../frontend/grpc/Messages.ts"
import { type Target, utf8 } from "../Target.ts"

const json = (inputs: string, more = ""): string => `{"id":"1","inputs":[${inputs}]${more}}`

/** What was read of earlier inputs, most of which differ little from the next one. */
const texts = new KnownTexts({ maxTexts: 4 })

/** What was read, but for what belongs to the texts. */
const factsOf = (read: ReturnType<typeof decode>): string =>
  Result.isFailure(read)
    ? read.failure.message
    : JSON.stringify(
      { ...read.success.request, outputEncoding: read.success.outputEncoding.of("Y") },
      (_, value: unknown) =>
        value instanceof Map ? [...value.entries()].map(String) : typeof value === "bigint" ? String(value) : value
    )

/** The first byte says how much of the rest is JSON, in parts of 255; 255: all of it, and nothing says so. */
export const http: Target = {
  name: "http-infer",
  seeds: () =>
    [
      json("{\"name\":\"A\",\"datatype\":\"INT32\",\"shape\":[1,2],\"data\":[[1,2]]}"),
      json(
        "{\"name\":\"B\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"\\ud834\\udd1e\"]}",
        ",\"outputs\":[{\"name\":\"Y\",\"parameters\":{\"classification\":3}}],\"parameters\":{\"sequence_id\":5,\"priority\":1}"
      ),
      json("{\"parameters\":{\"binary_data_size\":8},\"name\":\"C\",\"datatype\":\"FP64\",\"shape\":[1]}") + "12345678"
    ].map((text, i) => Uint8Array.from([i === 2 ? 228 : 255, ...utf8(text)])),
  run: (input) => {
    const body = input.subarray(1)
    const part = input[0] ?? 255
    const jsonLength = part === 255 ? undefined : Math.floor(body.length * part / 255)
    const options = { modelName: "m", maxInputSize: 1 << 16 }
    const read = decode(body, jsonLength, options)
    const known = decode(body, jsonLength, { ...options, texts })
    if (factsOf(known) !== factsOf(read)) throw new Error("a text that is known is read otherwise")
    if (Result.isFailure(read)) return
    let bytes = 0
    for (const { data } of read.success.request.inputs) bytes += data.length
    // Data in JSON takes at least two characters for at most eight bytes.
    if (bytes > body.length * 4 + 64) throw new Error(`${bytes} bytes of tensors came from ${body.length}`)
  }
}

/** The message by the reader of its own, and by the one that reads all messages. */
export const grpc: Target = {
  name: "grpc-infer",
  seeds: () => [
    Messages.request({
      model_name: "m",
      model_version: "3",
      id: "é",
      inputs: [{ name: "A", datatype: "INT32", shape: [2, 1] }, { name: "B", datatype: "BYTES", shape: [0] }],
      outputs: [{ name: "O" }, { name: "P", parameters: { classification: { int64_param: 3n } } }],
      raw_input_contents: [Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), new Uint8Array(0)]
    }),
    Messages.request({
      model_name: "m",
      inputs: [{ name: "A", datatype: "FP32", shape: [2], contents: { fp32_contents: [1, 2] } }]
    })
  ],
  run: (input) => {
    let isRead = true
    try {
      const message = InferRequestReader.read(input)
      toRequest(message, {
        allocate: (byteLength) => {
          if (byteLength > input.length * 8 + 64) throw new Error(`${byteLength} bytes asked for of ${input.length}`)
          return new Uint8Array(byteLength)
        },
        inRegion: (region) => {
          throw regionNotFound(region)
        },
        forward: undefined,
        metadata: [],
        deadlineMicros: 0
      })
    } catch (thrown) {
      if (!isReadFailure(thrown) && !(thrown instanceof WireProblem)) throw thrown
      isRead = false
    }
    try {
      WireMessageReader.read(new WireReader(input), planOf(ModelInferRequest))
    } catch (thrown) {
      if (!(thrown instanceof WireProblem)) throw thrown
      if (isRead) throw new Error("one reader takes the message, the other does not", { cause: thrown })
    }
  }
}
