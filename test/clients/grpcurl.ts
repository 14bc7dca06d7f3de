/**
 * Drives a running server with grpcurl, which knows of it only what reflection tells.
 *
 *     go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
 *     node test/clients/repository.ts /tmp/repository
 *     galatea serve --model-repository /tmp/repository
 *     node test/clients/grpcurl.ts [127.0.0.1:8001]
 *
 * The program is `grpcurl`, or what GALATEA_GRPCURL names. Every check is counted; the last line is "N passed, N failed", and the
 * exit code is 1 if one failed.
 */
import { deepStrictEqual, match, ok } from "node:assert"
import { spawnSync } from "node:child_process"

const program = process.env["GALATEA_GRPCURL"] ?? "grpcurl"
const address = process.argv[2] ?? "127.0.0.1:8001"
const service = "inference.GRPCInferenceService"

/** What grpcurl printed, to standard output and to standard error, in one. */
const run = (...words: ReadonlyArray<string>): string => {
  const { error, stderr, stdout } = spawnSync(program, ["-plaintext", ...words], { encoding: "utf8", timeout: 30_000 })
  if (error !== undefined) throw error
  return stdout + stderr
}

const call = (method: string, request: unknown = {}, ...options: ReadonlyArray<string>): string =>
  run(...options, "-d", typeof request === "string" ? request : JSON.stringify(request), address, method)

const answer = (method: string, request: unknown = {}, ...options: ReadonlyArray<string>): unknown =>
  JSON.parse(call(method, request, ...options))

const raw = Buffer.from(Int32Array.from({ length: 16 }, (_, i) => i).buffer).toString("base64")
const doubled = Buffer.from(Int32Array.from({ length: 16 }, (_, i) => 2 * i).buffer).toString("base64")
const zeros = Buffer.alloc(64).toString("base64")
const input = (name: string) => ({ name, datatype: "INT32", shape: [1, 16] })
const simple = (id: string) => ({
  model_name: "simple",
  id,
  inputs: [input("INPUT0"), input("INPUT1")],
  raw_input_contents: [raw, raw]
})
const output = (name: string) => ({ name, datatype: "INT32", shape: ["1", "16"] })
const response = (id: string) => ({
  modelName: "simple",
  modelVersion: "3",
  id,
  outputs: [output("OUTPUT0"), output("OUTPUT1")],
  rawOutputContents: [doubled, zeros]
})

const checks: Readonly<Record<string, () => void>> = {
  "lists services": () => {
    const services = run(address, "list").trim().split("\n")
    for (const name of [service, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]) {
      ok(services.includes(name), `${name} in ${services}`)
    }
  },
  "lists procedures": () => {
    const names = run(address, "list", service).trim().split("\n")
    ok(names.includes(`${service}.ModelInfer`) && names.length === 20, names.join(" "))
  },
  "describes a service, a message and a configuration": () => {
    match(run(address, "describe", service), /rpc ModelStreamInfer \( stream \.inference\.ModelInferRequest \)/)
    match(run(address, "describe", "inference.ModelInferRequest"), /repeated bytes raw_input_contents = 7;/)
    match(run(address, "describe", "inference.ModelConfig"), /int32 max_batch_size = 4;/)
  },
  "checks health": () => {
    deepStrictEqual(answer("grpc.health.v1.Health/Check"), { status: "SERVING" })
    deepStrictEqual(answer("grpc.health.v1.Health/Check", { service: service }), { status: "SERVING" })
  },
  "watches health until its deadline": () => {
    const text = call("grpc.health.v1.Health/Watch", {}, "-max-time", "1")
    match(text, /"status": "SERVING"/)
    match(text, /Code: DeadlineExceeded/)
  },
  "asks for readiness and metadata": () => {
    deepStrictEqual(answer(`${service}/ServerReady`), { ready: true })
    deepStrictEqual(answer(`${service}/ModelReady`, { name: "simple" }), { ready: true })
    deepStrictEqual(answer(`${service}/ModelReady`, { name: "nope" }), {})
    match(call(`${service}/ModelMetadata`, { name: "simple" }), /"platform": "onnxruntime_onnx"/)
  },
  "reads a configuration": () => {
    const { config } = answer(`${service}/ModelConfig`, { name: "simple" }) as {
      readonly config: { readonly maxBatchSize: number; readonly input: ReadonlyArray<{ readonly dataType: string }> }
    }
    deepStrictEqual([config.maxBatchSize, config.input[0]!.dataType], [8, "TYPE_INT32"])
  },
  "infers": () => deepStrictEqual(answer(`${service}/ModelInfer`, simple("é")), response("é")),
  "infers from typed contents": () => {
    const contents = { int_contents: Array.from({ length: 16 }, (_, i) => i) }
    const inputs = [{ ...input("INPUT0"), contents }, { ...input("INPUT1"), contents }]
    deepStrictEqual(answer(`${service}/ModelInfer`, { model_name: "simple", id: "t", inputs }), response("t"))
  },
  "streams": () => {
    const requests = ["1", "2", "3"].map((id) => JSON.stringify(simple(id))).join("\n")
    const bad = JSON.stringify({ model_name: "nope", id: "4" })
    const text = call(`${service}/ModelStreamInfer`, `${requests}\n${bad}`)
    const answers = JSON.parse(`[${text.trim().replaceAll("}\n{", "},{")}]`) as ReadonlyArray<unknown>
    const parameters = { triton_final_response: { boolParam: true } }
    deepStrictEqual(answers, [
      ...["1", "2", "3"].map((id) => ({ inferResponse: { ...response(id), parameters } })),
      { errorMessage: "Request for unknown model: 'nope' is not found", inferResponse: { id: "4" } }
    ])
  },
  "is told the code and the text of errors": () => {
    const text = call(`${service}/ModelInfer`, { model_name: "nope" })
    match(text, /Code: NotFound\n +Message: Request for unknown model: 'nope' is not found/)
    match(
      call(`${service}/SystemSharedMemoryRegister`, { name: "a", key: "/a", byte_size: 1 }),
      /Code: Unimplemented\n +Message: /
    )
  }
}

let failed = 0
for (const [name, check] of Object.entries(checks)) {
  try {
    check()
    process.stdout.write(`ok      ${name}\n`)
  } catch (thrown) {
    failed++
    process.stdout.write(`FAILED  ${name}\n${thrown instanceof Error ? thrown.stack : String(thrown)}\n`)
  }
}
process.stdout.write(`${Object.keys(checks).length - failed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
