/** Shared memory of clients over gRPC, on real connections and real files. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import * as FileClientMemory from "../../../src/layers/clientmemory/FileClientMemory.ts"
import { ClientMemory } from "../../../src/services/ClientMemory.ts"
import * as Files from "../../clientmemory/Files.ts"
import * as Messages from "../../frontend/grpc/Messages.ts"
import { empty } from "../http/Wire.ts"
import { connect } from "./Client.ts"
import { ask, good, goodAnswer, start } from "./Frontend.ts"

/** A front end whose clients may register what lies in a folder. */
const allowing = Effect.gen(function*() {
  const directory = yield* Files.folder
  const memory = yield* FileClientMemory.make({ directory })
  const started = yield* Effect.provideService(start(), ClientMemory, memory)
  return { ...started, directory, memory, client: yield* connect(started.port) }
})

const place = (region: string, byteSize: bigint, offset?: bigint) => ({
  shared_memory_region: { string_param: region },
  shared_memory_byte_size: { int64_param: byteSize },
  ...(offset === undefined ? {} : { shared_memory_offset: { int64_param: offset } })
})

/** A request whose FP32 tensor `X` comes from a region, and goes to one. */
const moved = (
  count: number,
  input: ReturnType<typeof place>,
  output?: ReturnType<typeof place>
): Messages.Request => ({
  model_name: "echo",
  inputs: [{ name: "X", datatype: "FP32", shape: [count], parameters: input }],
  ...(output === undefined ? {} : { outputs: [{ name: "X", parameters: output }] })
})

describe("Shared memory over gRPC", () => {
  it.live("is refused where it is not allowed, except for its status", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const client = yield* connect(port)
      const text = "12 Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable."
      assert.deepStrictEqual(yield* ask(client, "SystemSharedMemoryStatus"), { regions: {} })
      assert.deepStrictEqual(yield* ask(client, "CudaSharedMemoryStatus"), { regions: {} })
      for (
        const name of [
          "SystemSharedMemoryRegister",
          "SystemSharedMemoryUnregister",
          "CudaSharedMemoryUnregister"
        ] as const
      ) {
        assert.strictEqual(yield* ask(client, name, { name: "r" }), text)
      }
      assert.strictEqual(
        yield* ask(client, "CudaSharedMemoryRegister", { name: "r" }),
        "3 failed to register CUDA shared memory region: 'r', GPUs not supported"
      )
      assert.deepStrictEqual(held(), [0, 0, 0])
    }).pipe(Effect.scoped))

  it.live("is restricted as the options say", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ restrictions: [{ categories: ["shared-memory"], header: "key", value: "s3" }] })
      const client = yield* connect(port)
      const text = "14 This protocol is restricted, expecting header 'triton-grpc-protocol-key'"
      for (const kind of ["System", "Cuda"] as const) {
        for (const verb of ["Status", "Register", "Unregister"] as const) {
          assert.strictEqual(yield* ask(client, `${kind}SharedMemory${verb}`), text)
        }
        assert.deepStrictEqual(
          yield* ask(client, `${kind}SharedMemoryStatus`, {}, { "triton-grpc-protocol-key": "s3" }),
          { regions: {} }
        )
      }
      assert.deepStrictEqual(yield* good(client), goodAnswer)
    }).pipe(Effect.scoped))

  it.live("registers, tells of, and ends regions", () =>
    Effect.gen(function*() {
      const { client, directory } = yield* allowing
      Files.create(directory, "k", 100)
      const register = (name: string, key: string, offset: bigint, byte_size: bigint) =>
        ask(client, "SystemSharedMemoryRegister", { name, key, offset, byte_size })
      assert.deepStrictEqual(yield* register("a", "/k", 4n, 8n), {})
      assert.deepStrictEqual(yield* register("__proto__", "/k", 0n, 100n), {})
      assert.strictEqual(yield* register("a", "/k", 4n, 8n), "6 shared memory region 'a' already in manager")
      assert.strictEqual(yield* register("b", "/n", 4n, 8n), "13 Unable to open shared memory region: '/n'")
      assert.strictEqual(
        yield* register("b", "/k", 1n, 2n ** 64n - 1n),
        "3 failed to register shared memory region 'b': invalid args"
      )
      assert.strictEqual(
        yield* register("", "/k", 0n, 1n),
        "3 'region name' is necessary to register system shared memory region"
      )
      const status = yield* ask(client, "SystemSharedMemoryStatus")
      assert.isObject(status)
      assert.deepStrictEqual(Object.entries((status as { readonly regions: object }).regions), [
        ["__proto__", { name: "__proto__", key: "/k", offset: 0n, byte_size: 100n }],
        ["a", { name: "a", key: "/k", offset: 4n, byte_size: 8n }]
      ])
      assert.strictEqual(
        yield* ask(client, "SystemSharedMemoryStatus", { name: "b" }),
        "5 Unable to find system shared memory region: 'b'"
      )
      assert.strictEqual(
        yield* ask(client, "CudaSharedMemoryStatus", { name: "b" }),
        "5 Unable to find cuda shared memory region: 'b'"
      )
      assert.deepStrictEqual(yield* ask(client, "CudaSharedMemoryUnregister"), {})
      assert.deepStrictEqual(yield* ask(client, "SystemSharedMemoryUnregister", { name: "a" }), {})
      assert.deepStrictEqual(yield* ask(client, "SystemSharedMemoryUnregister"), {})
      assert.deepStrictEqual(yield* ask(client, "SystemSharedMemoryStatus"), { regions: {} })
    }).pipe(Effect.scoped))

  it.live("brings inputs and takes outputs of calls, beside raw contents", () =>
    Effect.gen(function*() {
      const { client, directory, fake, held, memory } = yield* allowing
      const byteLength = 3 * 1024 * 1024
      Files.create(directory, "k", 2 * byteLength)
      memory.register("in", "/k", 0, byteLength)
      memory.register("out", "/k", byteLength, byteLength)
      const request: Messages.Request = {
        model_name: "echo",
        inputs: [
          { name: "A", datatype: "UINT8", shape: [2] },
          {
            name: "B",
            datatype: "UINT8",
            shape: [byteLength - 8],
            parameters: place("in", BigInt(byteLength - 8), 8n)
          },
          { name: "C", datatype: "UINT8", shape: [1] }
        ],
        outputs: [{ name: "A" }, { name: "B", parameters: place("out", BigInt(byteLength)) }],
        raw_input_contents: [Uint8Array.of(5, 6), Uint8Array.of(7)]
      }
      const response = yield* ask(client, "ModelInfer", request)
      assert.isObject(response)
      const { outputs, raw_output_contents } = response as Messages.Response
      assert.deepStrictEqual(outputs.map(({ name, parameters, shape }) => [name, shape, parameters]), [
        ["A", [2], {}],
        ["B", [byteLength - 8], {}],
        ["C", [1], {}]
      ])
      assert.deepStrictEqual(raw_output_contents.map((bytes) => [...bytes]), [[5, 6], [], [7]])
      const written = Files.contents(directory, "k").subarray(byteLength, 2 * byteLength - 8)
      assert.isTrue(written.equals(Files.pattern(byteLength - 8, 8)))
      yield* empty(held)
      assert.strictEqual(fake.released, 1)
    }).pipe(Effect.scoped))

  it.live("is refused in Triton's words where a tensor does not fit it", () =>
    Effect.gen(function*() {
      const { client, directory, held, memory } = yield* allowing
      Files.create(directory, "k", 64)
      memory.register("r", "/k", 0, 32)
      const failures: ReadonlyArray<readonly [Messages.Request, string]> = [
        [moved(2, place("none", 8n)), "5 Unable to find shared memory region: 'none'"],
        [moved(2, place("r", 8n, -1n)), "3 Invalid offset for shared memory region: 'r'"],
        [moved(2, place("r", 8n, 2n ** 63n - 1n)), "3 Invalid offset for shared memory region: 'r'"],
        [moved(2, place("r", -1n)), "3 Invalid offset + byte size for shared memory region: 'r'"],
        [moved(2, place("r", 25n, 8n)), "3 Invalid offset + byte size for shared memory region: 'r'"]
      ]
      for (const [request, text] of failures) {
        assert.strictEqual(yield* ask(client, "ModelInfer", request), text)
      }
      assert.strictEqual(
        yield* ask(client, "ModelInfer", moved(2, place("r", 8n), place("r", 4n))),
        "13 shared memory size specified with the request for output 'X' (4 bytes) should be at least 8 bytes to hold the results"
      )
      assert.deepStrictEqual(Uint8Array.from(Files.contents(directory, "k")), Files.pattern(64))
      yield* empty(held)
      assert.deepStrictEqual(yield* good(client), goodAnswer)
    }).pipe(Effect.scoped))

  it.live("serves requests of a stream, whose answers keep their order", () =>
    Effect.gen(function*() {
      const { client, directory, held, memory } = yield* allowing
      const byteLength = 3 * 1024 * 1024
      Files.create(directory, "k", byteLength)
      memory.register("r", "/k", 0, byteLength)
      const call = client.begin("ModelStreamInfer", {})
      const large = moved(byteLength / 4, place("r", BigInt(byteLength)), place("r", BigInt(byteLength)))
      call.send(Messages.request({ ...large, id: "large" }))
      call.send(Messages.request({ ...moved(2, place("none", 8n)), id: "none" }))
      call.send(Messages.request({ ...moved(2, place("r", 8n, 4n)), id: "small" }))
      const answers = (yield* call.received(3)).map((message) => {
        const { error_message, infer_response } = Messages.streamResponse(message)
        return [infer_response!.id, error_message, infer_response!.raw_output_contents.map((bytes) => [...bytes])]
      })
      assert.deepStrictEqual(answers, [
        ["large", "", [[]]],
        ["none", "Unable to find shared memory region: 'none'", []],
        ["small", "", [[4, 5, 6, 7, 8, 9, 10, 11]]]
      ])
      call.halfClose()
      assert.strictEqual((yield* call.end).status, 0)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("is not written for a call whose deadline has passed", () =>
    Effect.gen(function*() {
      const { client, directory, fake, held, memory } = yield* allowing
      Files.create(directory, "k", 64)
      memory.register("r", "/k", 0, 64)
      const gate = yield* Deferred.make<void>()
      fake.work = Effect.uninterruptible(Deferred.await(gate))
      const answer = yield* ask(client, "ModelInfer", moved(2, place("r", 8n), place("r", 8n, 32n)), {
        "grpc-timeout": "50m"
      })
      assert.strictEqual(answer, "4 Deadline Exceeded")
      yield* Deferred.succeed(gate, undefined)
      yield* empty(held)
      assert.deepStrictEqual(Uint8Array.from(Files.contents(directory, "k")), Files.pattern(64))
    }).pipe(Effect.scoped))
})
