/** Shared memory of clients over HTTP, on real sockets and real files. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { truncateSync } from "node:fs"
import { join } from "node:path"
import * as FileClientMemory from "../../../src/layers/clientmemory/FileClientMemory.ts"
import type * as HttpFrontend from "../../../src/layers/frontend/HttpFrontend.ts"
import { ClientMemory } from "../../../src/services/ClientMemory.ts"
import * as Files from "../../clientmemory/Files.ts"
import { ask, connect, empty, eventually, good, goodAnswer, start } from "./Wire.ts"

const infer = "/v2/models/echo/infer"
const disabled =
  "{\"error\":\"Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.\"}"

/** A front end whose clients may register what lies in a folder. */
const allowing = Effect.fnUntraced(function*(options: HttpFrontend.Options = {}) {
  const directory = yield* Files.folder
  const memory = yield* FileClientMemory.make({ directory })
  const started = yield* Effect.provideService(start(options), ClientMemory, memory)
  /** Status and text of the answer to a request. */
  const answer = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
    Effect.map(
      ask(
        started.port,
        path,
        body === undefined ? { headers } : { method: "POST", body: JSON.stringify(body), headers }
      ),
      ({ status, text }) => [status, text] as const
    )
  return { ...started, directory, memory, answer }
})

const place = (region: string, byteSize: number, offset = 0) => ({
  shared_memory_region: region,
  shared_memory_byte_size: byteSize,
  shared_memory_offset: offset
})

/** A request whose FP32 tensor `X` comes from a region, and goes to one. */
const moved = (count: number, input: object, output?: object) => ({
  inputs: [{ name: "X", shape: [count], datatype: "FP32", parameters: input }],
  ...(output === undefined ? {} : { outputs: [{ name: "X", parameters: output }] })
})

const answered = (count: number): string =>
  `{"model_name":"echo","model_version":"1","outputs":[{"name":"X","datatype":"FP32","shape":[${count}]}]}`

const error = (message: string): string => JSON.stringify({ error: message })

describe("Shared memory over HTTP", () => {
  it.live("is refused where it is not allowed, except for its status", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const text = (path: string, method = "POST") =>
        Effect.map(ask(port, path, { method }), ({ status, text }) => `${status} ${text}`)
      for (const kind of ["system", "cuda"]) {
        const root = `/v2/${kind}sharedmemory`
        assert.strictEqual(yield* text(`${root}/status`, "GET"), "200 []")
        assert.strictEqual(
          yield* text(`${root}/region/r/status`, "GET"),
          `404 {"error":"Unable to find ${kind === "cuda" ? "cuda" : "system"} shared memory region: 'r'"}`
        )
        for (const path of ["register", "region/r/register", "unregister", "region/r/unregister"]) {
          assert.strictEqual(yield* text(`${root}/${path}`), `501 ${disabled}`)
        }
        assert.strictEqual((yield* ask(port, `${root}/register`)).status, 405)
      }
    }))

  it.live("is restricted as the options say", () =>
    Effect.gen(function*() {
      const restrictions = [{ categories: ["shared-memory"], header: "key", value: "s3" }] as const
      const { answer } = yield* allowing({ restrictions })
      for (const kind of ["system", "cuda"]) {
        const path = `/v2/${kind}sharedmemory/status`
        assert.deepStrictEqual(yield* answer(path), [403, error("This API is restricted, expecting header 'key'")])
        assert.deepStrictEqual(yield* answer(path, undefined, { key: "s3" }), [200, "[]"])
      }
    }))

  it.live("registers, tells of, and ends regions", () =>
    Effect.gen(function*() {
      const { answer, directory, port } = yield* allowing()
      Files.create(directory, "k", 100)
      const root = "/v2/systemsharedmemory"
      const register = (body: unknown, name = "a%20b") => answer(`${root}/region/${name}/register`, body)
      assert.deepStrictEqual(yield* register({ key: "/k", offset: 4, byte_size: 8 }), [200, ""])
      assert.deepStrictEqual(yield* register({ key: "/k", byte_size: 100 }, "A"), [200, ""])
      const one = "{\"name\":\"a b\",\"key\":\"/k\",\"offset\":4,\"byte_size\":8}"
      assert.deepStrictEqual(yield* answer(`${root}/region/a%20b/status`), [200, `[${one}]`])
      assert.deepStrictEqual(yield* answer(`${root}/status`), [
        200,
        `[{"name":"A","key":"/k","offset":0,"byte_size":100},${one}]`
      ])
      const failures: ReadonlyArray<readonly [unknown, number, string]> = [
        [{ byte_size: 1 }, 400, "Shared memory register request has no 'key' field"],
        [[], 400, "Shared memory register request has no 'key' field"],
        [{ key: "/k" }, 400, "Shared memory register request has no 'byte_size' field"],
        [{ key: 1, byte_size: 1 }, 500, "attempt to access JSON non-string as string"],
        [{ key: "/k", byte_size: "1" }, 500, "attempt to access JSON non-unsigned-integer as unsigned-integer"],
        [{ key: "/k", byte_size: -1 }, 500, "attempt to access JSON non-unsigned-integer as unsigned-integer"],
        [
          { key: "/k", offset: 0.5, byte_size: 1 },
          500,
          "attempt to access JSON non-unsigned-integer as unsigned-integer"
        ],
        [{ key: "/k", byte_size: 1 }, 400, "shared memory region 'A' already in manager"],
        [{ key: "/none", byte_size: 1 }, 500, "Unable to open shared memory region: '/none'"]
      ]
      for (const [body, status, text] of failures) {
        const name = text.includes("already") ? "A" : "new"
        assert.deepStrictEqual(yield* register(body, name), [status, error(text)])
      }
      for (const size of ["101", "18446744073709551615"]) {
        const body = `{"key":"/k","offset":1,"byte_size":${size}}`
        const { status, text } = yield* ask(port, `${root}/region/new/register`, { method: "POST", body })
        assert.deepStrictEqual([status, text], [
          400,
          error("failed to register shared memory region 'new': invalid args")
        ])
      }
      assert.deepStrictEqual(
        [(yield* ask(port, `${root}/region/new/register`, { method: "POST" })).status, yield* register({}, "")],
        [500, [404, error("Not Found")]]
      )
      assert.deepStrictEqual(yield* answer(`${root}/register`, {}), [
        400,
        error("'region name' is necessary to register system shared memory region")
      ])
      assert.deepStrictEqual(yield* answer(`${root}/region/none/unregister`, {}), [200, ""])
      assert.deepStrictEqual(yield* answer(`${root}/region/A/unregister`, {}), [200, ""])
      assert.deepStrictEqual(yield* answer(`${root}/status`), [200, `[${one}]`])
      assert.deepStrictEqual(yield* answer(`${root}/unregister`, {}), [200, ""])
      assert.deepStrictEqual(yield* answer(`${root}/status`), [200, "[]"])
    }))

  it.live("of CUDA devices answers as a server without GPUs", () =>
    Effect.gen(function*() {
      const { answer, directory } = yield* allowing()
      Files.create(directory, "k", 100)
      yield* answer("/v2/systemsharedmemory/region/s/register", { key: "k", byte_size: 8 })
      const root = "/v2/cudasharedmemory"
      assert.deepStrictEqual(yield* answer(`${root}/status`), [200, "[]"])
      assert.deepStrictEqual(yield* answer(`${root}/region/s/status`), [
        404,
        error("The region named 's' is registered as system shared memory, not CUDA shared memory")
      ])
      assert.deepStrictEqual(yield* answer(`${root}/register`, {}), [
        400,
        error("'region name' is necessary to register cuda shared memory region")
      ])
      const body = { raw_handle: { b64: "AA==" }, device_id: 0, byte_size: 8 }
      assert.deepStrictEqual(yield* answer(`${root}/region/r/register`, body), [
        400,
        error("failed to register CUDA shared memory region: 'r', GPUs not supported")
      ])
      assert.deepStrictEqual(yield* answer(`${root}/unregister`, {}), [200, ""])
      assert.deepStrictEqual(yield* answer(`${root}/region/s/unregister`, {}), [200, ""])
      assert.match((yield* answer("/v2/systemsharedmemory/status"))[1], /"name":"s"/)
    }))

  it.live("brings inputs and takes outputs, small and in several pieces", () =>
    Effect.gen(function*() {
      const { answer, directory, fake, held } = yield* allowing()
      const byteLength = 6 * 1024 * 1024
      Files.create(directory, "in", byteLength)
      Files.create(directory, "out", byteLength)
      yield* answer("/v2/systemsharedmemory/region/in/register", { key: "/in", byte_size: byteLength })
      yield* answer("/v2/systemsharedmemory/region/out/register", { key: "/out", offset: 8, byte_size: byteLength - 8 })
      for (const size of [8, 65_536, 1024 * 1024, byteLength - 16]) {
        const body = moved(size / 4, place("in", size, 12), place("out", size, 4))
        if (size > byteLength - 20) body.inputs[0]!.parameters = place("in", size, 16)
        assert.deepStrictEqual(yield* answer(infer, body), [200, answered(size / 4)])
        const from = size > byteLength - 20 ? 16 : 12
        assert.isTrue(
          Files.contents(directory, "out").subarray(12, 12 + size).equals(Files.pattern(size, from)),
          String(size)
        )
      }
      yield* empty(held)
      assert.strictEqual(fake.released, 4)
    }))

  it.live("goes together with tensors in the body, in both directions", () =>
    Effect.gen(function*() {
      const { directory, held, memory, port } = yield* allowing()
      Files.create(directory, "k", 64)
      memory.register("r", "/k", 0, 64)
      const json = JSON.stringify({
        inputs: [
          { name: "A", shape: [2], datatype: "UINT8", parameters: { binary_data_size: 2 } },
          { name: "B", shape: [3], datatype: "UINT8", parameters: place("r", 3, 7) },
          { name: "C", shape: [1], datatype: "BYTES", data: ["text"] }
        ],
        outputs: [
          { name: "A", parameters: place("r", 8, 40) },
          { name: "B", parameters: { binary_data: true } },
          { name: "C", parameters: place("r", 8, 48) }
        ]
      })
      const body = Buffer.concat([Buffer.from(json), Buffer.of(200, 201)])
      const headers = { "Inference-Header-Content-Length": String(json.length) }
      const answer = yield* ask(port, infer, { method: "POST", body, headers })
      const at = Number(answer.headers["inference-header-content-length"])
      assert.strictEqual(
        answer.body.subarray(0, at).toString(),
        "{\"model_name\":\"echo\",\"model_version\":\"1\",\"outputs\":[{\"name\":\"A\",\"datatype\":\"UINT8\",\"shape\":[2]}," +
          "{\"name\":\"B\",\"datatype\":\"UINT8\",\"shape\":[3],\"parameters\":{\"binary_data_size\":3}}," +
          "{\"name\":\"C\",\"datatype\":\"BYTES\",\"shape\":[1]}]}"
      )
      assert.deepStrictEqual([...answer.body.subarray(at)], [7, 8, 9])
      const written = Files.contents(directory, "k")
      assert.deepStrictEqual([...written.subarray(39, 43)], [39, 200, 201, 42])
      assert.strictEqual(written.subarray(48, 56).toString("latin1"), "\x04\0\0\0text")
      yield* empty(held)
    }))

  it.live("is refused in Triton's words where a tensor does not fit it", () =>
    Effect.gen(function*() {
      const { answer, directory, held, memory, port } = yield* allowing()
      Files.create(directory, "k", 64)
      memory.register("r", "/k", 0, 32)
      const failures: ReadonlyArray<readonly [object, object | undefined, number, string]> = [
        [place("none", 8), undefined, 404, "Unable to find shared memory region: 'none'"],
        [place("r", 8, 32), undefined, 400, "Invalid offset for shared memory region: 'r'"],
        [place("r", 8, 25), undefined, 400, "Invalid offset + byte size for shared memory region: 'r'"],
        [place("r", 2 ** 53), undefined, 400, "Invalid offset + byte size for shared memory region: 'r'"],
        [place("r", 8), place("none", 8), 404, "Unable to find shared memory region: 'none'"],
        [
          place("r", 8),
          place("r", 7),
          500,
          "shared memory size specified with the request for output 'X' (7 bytes) should be at least 8 bytes to hold the results"
        ],
        [
          place("r", 8),
          { shared_memory_region: "r" },
          500,
          "shared memory size specified with the request for output 'X' (0 bytes) should be at least 8 bytes to hold the results"
        ]
      ]
      for (const [input, output, status, text] of failures) {
        assert.deepStrictEqual(yield* answer(infer, moved(2, input, output)), [status, error(text)])
      }
      assert.deepStrictEqual(Uint8Array.from(Files.contents(directory, "k")), Files.pattern(64))
      truncateSync(join(directory, "k"), 4)
      const [status, text] = yield* answer(infer, moved(2, place("r", 8)))
      assert.strictEqual(status, 400)
      assert.include(text, "shared memory region 'r' has become smaller")
      yield* empty(held)
      assert.strictEqual(yield* good(port), goodAnswer)
    }))

  it.live("may be made smaller and larger at any time", () =>
    Effect.gen(function*() {
      const { answer, directory, held, memory, port } = yield* allowing()
      const byteLength = 2 * 1024 * 1024
      Files.create(directory, "k", byteLength)
      memory.register("r", "/k", 0, byteLength)
      const half = byteLength / 2
      const request = moved(half / 4, place("r", half), place("r", half, half))
      const statuses = yield* Effect.forEach(
        Array.from({ length: 200 }, (_, i) => i),
        (i) => {
          truncateSync(join(directory, "k"), i % 3 === 0 ? byteLength : i % 3 === 1 ? half + i : i)
          return Effect.map(answer(infer, request), ([status]) => status)
        },
        { concurrency: 4 }
      )
      // Which of the two depends on how the copies and the changes meet.
      assert.isTrue(statuses.every((status) => status === 200 || status === 400), String(statuses))
      truncateSync(join(directory, "k"), byteLength)
      assert.deepStrictEqual(yield* answer(infer, request), [200, answered(half / 4)])
      yield* empty(held)
      assert.strictEqual(yield* good(port), goodAnswer)
    }))

  it.live("counts as bytes of the request", () =>
    Effect.gen(function*() {
      const { answer, directory, held, memory } = yield* allowing({ maxRequestBytes: 1000 })
      Files.create(directory, "k", 2000)
      memory.register("r", "/k", 0, 2000)
      assert.strictEqual((yield* answer(infer, moved(250, place("r", 1000))))[0], 200)
      assert.deepStrictEqual(yield* answer(infer, moved(251, place("r", 1004))), [
        503,
        error(
          "The request body of 1004 bytes exceeds the 1000 bytes that one request may have. Send less at a time, or raise " +
            "--http-max-request-bytes."
        )
      ])
      yield* empty(held)
    }))

  it.live("stays open for a request that runs, and is not written for one whose client went away", () =>
    Effect.gen(function*() {
      const { answer, directory, fake, held, memory, port } = yield* allowing()
      Files.create(directory, "k", 64)
      const gate = yield* Deferred.make<void>()
      fake.work = Deferred.await(gate)
      memory.register("r", "/k", 0, 64)
      const running = yield* Effect.forkChild(answer(infer, moved(2, place("r", 8), place("r", 8, 32))))
      yield* eventually(() => fake.requests.length, (seen) => seen === 1)
      const client = yield* connect(port)
      const body = JSON.stringify(moved(2, place("r", 8), place("r", 8, 48)))
      client.send(`POST ${infer} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      yield* eventually(() => fake.requests.length, (seen) => seen === 2)
      assert.deepStrictEqual(yield* answer("/v2/systemsharedmemory/unregister", {}), [200, ""])
      assert.deepStrictEqual(yield* answer(infer, moved(2, place("r", 8))), [
        404,
        error("Unable to find shared memory region: 'r'")
      ])
      client.socket.destroy()
      yield* eventually(() => fake.interrupted, (seen) => seen === 1)
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(running), [200, answered(2)])
      yield* empty(held)
      const written = Files.contents(directory, "k")
      assert.deepStrictEqual([...written.subarray(32, 41)], [0, 1, 2, 3, 4, 5, 6, 7, 40])
      assert.deepStrictEqual(Uint8Array.from(written.subarray(40)), Files.pattern(24, 40))
      assert.deepStrictEqual(yield* answer("/v2/systemsharedmemory/status"), [200, "[]"])
    }))
})
