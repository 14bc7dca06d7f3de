/** Answers as Triton, other servers and proxies send them. */
import { assert, describe, it } from "@effect/vitest"
import { readInferAnswer } from "../../src/client/internal/http/InferAnswer.ts"
import { toResponse } from "../../src/client/internal/WireResponse.ts"

interface Given {
  readonly json: string
  readonly tensors?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  readonly status?: number
}

const read = ({ headers = {}, json, status = 200, tensors = new Uint8Array() }: Given) => {
  const head = new TextEncoder().encode(json)
  const body = new Uint8Array(head.byteLength + tensors.byteLength)
  body.set(head)
  body.set(tensors, head.byteLength)
  const all: Readonly<Record<string, string>> = tensors.byteLength === 0
    ? { "content-type": "application/json", ...headers }
    : {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(head.byteLength),
      ...headers
    }
  return readInferAnswer("POST /infer", { status, header: (name) => all[name], body })
}

const outputs = (given: Given) =>
  toResponse<Record<string, { readonly data: unknown }>>(read(given), undefined, "POST /infer").outputs

const output = (datatype: string, shape: ReadonlyArray<number>, rest: string) =>
  `{"model_name":"m","model_version":"1","outputs":[{"name":"Y","datatype":"${datatype}","shape":[${
    shape.join(",")
  }]${rest}}]}`

const binary = output("FP32", [2], ",\"parameters\":{\"binary_data_size\":8}")
const half = new Uint8Array(new Float32Array([0.5, -1]).buffer)

describe("the answer to an inference", () => {
  it("is JSON with tensors behind it", () => {
    const response = read({
      json: binary.replace("{", "{\"id\":\"7\",\"parameters\":{\"a\":1},"),
      tensors: half
    })
    const { id, modelName, modelVersion, parameters } = response
    assert.deepStrictEqual([id, modelName, modelVersion, parameters], ["7", "m", "1", { a: 1 }])
    assert.deepStrictEqual(outputs({ json: binary, tensors: half })["Y"]!.data, new Float32Array([0.5, -1]))
  })

  it("tells where its JSON ends even where a page does not see the header", () => {
    const strange = binary.replace("\"m\"", "\"}{\\\"\\\\\"")
    const head = new TextEncoder().encode(strange)
    const body = new Uint8Array(head.byteLength + 8)
    body.set(head)
    body.set(half, head.byteLength)
    const answer = {
      status: 200,
      header: (name: string) => name === "content-type" ? "application/octet-stream" : undefined,
      body
    }
    assert.deepStrictEqual(readInferAnswer("POST /infer", answer).outputs[0]!.data, half)
  })

  it("may hold tensors as JSON although binary ones were asked for", () => {
    const flat = output("FP32", [2, 2], ",\"data\":[1,2.5,NaN,-Infinity]")
    assert.deepStrictEqual(outputs({ json: flat })["Y"]!.data, new Float32Array([1, 2.5, NaN, -Infinity]))
    const nested = output("INT8", [2, 2], ",\"data\":[[1,-2],[3,4]]")
    assert.deepStrictEqual(outputs({ json: nested })["Y"]!.data, new Int8Array([1, -2, 3, 4]))
    const wide = output("UINT64", [2], ", \"data\" : [18446744073709551615, 0]")
    assert.deepStrictEqual(outputs({ json: wide })["Y"]!.data, new BigUint64Array([18446744073709551615n, 0n]))
    const texts = output("BYTES", [2], ",\"data\":[\"a\\u00e4\",\"\"]")
    assert.deepStrictEqual(outputs({ json: texts })["Y"]!.data, ["aä", ""])
    const truths = output("BOOL", [2], ",\"data\":[true,false]")
    assert.deepStrictEqual(outputs({ json: truths })["Y"]!.data, [true, false])
  })

  it("may hold no element", () => {
    assert.deepStrictEqual(
      outputs({ json: output("FP32", [0, 4], ",\"parameters\":{\"binary_data_size\":0}") })["Y"]!.data,
      new Float32Array(0)
    )
  })

  it("says what the server says", () => {
    const error = (given: Given) => {
      try {
        read(given)
      } catch (thrown) {
        const { code, message, retryAfterMillis, retryable, status } = thrown as Record<string, unknown>
        return [code, status, retryable, retryAfterMillis, message]
      }
      return assert.fail("it was taken")
    }
    assert.deepStrictEqual(
      error({ status: 503, json: "{\"error\":\"Exceeds maximum queue size\"}", headers: { "retry-after": "1" } }),
      ["UNAVAILABLE", 503, true, 1000, "Exceeds maximum queue size"]
    )
    assert.deepStrictEqual(
      error({ status: 502, json: "<html>Bad Gateway</html>" }),
      ["UNAVAILABLE", 502, true, undefined, "POST /infer was answered with 502: <html>Bad Gateway</html>"]
    )
    assert.deepStrictEqual(error({ status: 400, json: "" }), [
      "INVALID_ARG",
      400,
      false,
      undefined,
      "POST /infer was answered with 400"
    ])
    assert.deepStrictEqual(error({ status: 504, json: "{\"error\":\"late\"}" }).slice(0, 3), [
      "DEADLINE_EXCEEDED",
      504,
      false
    ])
  })

  it("is refused where it breaks the protocol", () => {
    const message = (given: Given) => {
      try {
        outputs(given)
      } catch (error) {
        assert.strictEqual((error as { readonly code?: string }).code, "UNEXPECTED_ANSWER")
        return (error as Error).message
      }
      return assert.fail("it was taken")
    }
    assert.include(message({ json: "<html>" }), "was answered with something that is no JSON")
    assert.include(message({ json: "[]" }), "with JSON that is no object")
    assert.include(message({ json: "{}" }), "without a list of outputs")
    assert.include(message({ json: output("FLOAT", [1], ",\"data\":[1]") }), "of the unknown datatype \"FLOAT\"")
    assert.include(message({ json: output("FP32", [-1], ",\"data\":[1]") }), "of the shape [-1]")
    assert.include(message({ json: output("FP32", [3], ",\"data\":[1]") }), "with 1 elements of output 'Y'")
    assert.include(message({ json: output("FP32", [1], "") }), "without data of output 'Y'")
    assert.include(message({ json: binary }), "with 0 bytes for output 'Y', which announces 8")
    assert.include(message({ json: binary, tensors: new Uint8Array(9) }), "with 1 bytes that belong to no output")
    assert.include(
      message({ json: binary.replace("[2]", "[3]"), tensors: half }),
      "output 'Y' of model 'm' has 8 bytes where its shape needs 12"
    )
    assert.include(
      message({ json: binary, tensors: half, headers: { "inference-header-content-length": "9999" } }),
      "of which '9999' should be JSON"
    )
  })
})
