/** The protobuf code beside Google's, with the descriptions of NVIDIA's client: what one writes the other reads. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { MessageType } from "../../../src/schema/proto/Descriptor.ts"
import { FileDescriptorSet } from "../../../src/schema/proto/DescriptorFields.ts"
import { describeFile } from "../../../src/schema/proto/FileDescriptor.ts"
import { InferenceService } from "../../../src/schema/proto/InferenceService.ts"
import { ModelConfigMessage } from "../../../src/schema/proto/ModelConfigFields.ts"
import * as ProtoFiles from "../../../src/schema/proto/ProtoFiles.ts"
import { decode, encode } from "../../../src/schema/proto/WireFormat.ts"
import { anyMessage } from "../../schema/proto/ConfigArbitrary.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const python = process.env["GALATEA_PYTHON"] ?? "python3"
const modules = "google.protobuf, tritonclient.grpc, grpc_tools, grpc_health.v1, grpc_reflection.v1alpha"

const absent = ((): string | undefined => {
  const { error, status } = spawnSync(python, ["-c", `import ${modules}`])
  if (error !== undefined) return `${python} cannot be started`
  return status === 0 ? undefined : `${python} lacks one of ${modules}; set GALATEA_PYTHON`
})()
if (absent !== undefined) console.warn(`SKIPPED: test/integration/proto: ${absent}`)

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
const files = encode(FileDescriptorSet, { file: ProtoFiles.all.map(describeFile) })

interface Answer {
  readonly differences: ReadonlyArray<string>
  readonly results: ReadonlyArray<string | null>
}

const ask = (cases: ReadonlyArray<readonly [string, string]>): Answer => {
  const { status, stderr, stdout } = spawnSync(python, ["test/clients/protobuf_oracle.py"], {
    cwd: root,
    input: JSON.stringify({ files: hex(files), cases }),
    maxBuffer: 2 ** 30,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" }
  })
  assert.strictEqual(status, 0, stderr.toString())
  return JSON.parse(stdout.toString()) as Answer
}

const types: ReadonlyArray<MessageType> = [
  ...InferenceService.rpcs.flatMap((rpc) => [rpc.request, rpc.response]),
  ModelConfigMessage
]

const samples = (count: number): ReadonlyArray<readonly [MessageType, Uint8Array]> =>
  types.flatMap((type) =>
    fc.sample(anyMessage(type), { numRuns: count, seed: 7 }).map((value) => [type, encode(type, value)] as const)
  )

describe.skipIf(absent !== undefined)("protobuf of Google", () => {
  it("knows the same files, messages, fields and procedures", () => {
    assert.deepStrictEqual(ask([]).differences, [])
  })

  it("reads what is written here, and the other way round", () => {
    const cases = samples(40)
    const { results } = ask(cases.map(([type, bytes]) => [type.fullName, hex(bytes)]))
    for (const [i, [type, bytes]] of cases.entries()) {
      const result = results[i]
      if (result === null || result === undefined) assert.fail(`${type.fullName} is refused: ${hex(bytes)}`)
      assert.deepStrictEqual(
        Result.getOrThrow(decode(type, unhex(result))),
        Result.getOrThrow(decode(type, bytes)),
        type.fullName
      )
    }
  })

  it("refuses the same damaged messages, and reads the others alike", () => {
    const random = fc.sample(fc.tuple(fc.nat(), fc.nat(255), fc.nat(3)), { numRuns: 6000, seed: 11 })
    const whole = samples(130).filter(([, bytes]) => bytes.length > 0).slice(0, random.length)
    const cases = whole.map(([type, bytes], i): readonly [MessageType, Uint8Array] => {
      const [at, byte, how] = random[i]!
      const place = at % bytes.length
      if (how === 0) return [type, bytes.subarray(0, place)]
      const damaged = bytes.slice()
      damaged[place] = how === 1 ? byte : damaged[place]! ^ (1 << (byte & 7))
      return [type, damaged]
    })
    const { results } = ask(cases.map(([type, bytes]) => [type.fullName, hex(bytes)]))
    let refused = 0
    let compared = 0
    for (const [i, [type, bytes]] of cases.entries()) {
      const result = results[i]!
      const ours = decode(type, bytes)
      // Shapes and versions are numbers here.
      if (Result.isFailure(ours) && ours.failure.detail === "an integer beyond 2^53") continue
      assert.strictEqual(Result.isFailure(ours), result === null, `${type.fullName} ${hex(bytes)}`)
      if (result === null) refused++
      else if (result !== "unknown fields") {
        compared++
        const theirs = Result.getOrThrow(decode(type, unhex(result)))
        assert.deepStrictEqual(Result.getOrThrow(ours), theirs, `${type.fullName} ${hex(bytes)}`)
      }
    }
    assert.isAbove(refused, cases.length / 20)
    assert.isAbove(compared, cases.length / 20)
  })

  it("compiles the files of docs/proto into the same descriptions", () => {
    const folder = mkdtempSync(join(tmpdir(), "galatea-proto-"))
    try {
      const out = join(folder, "set.bin")
      const names = ProtoFiles.shipped.map(({ name }) => name)
      const { status, stderr } = spawnSync(
        python,
        ["-m", "grpc_tools.protoc", "-Idocs/proto", `--descriptor_set_out=${out}`, ...names],
        { cwd: root }
      )
      assert.strictEqual(status, 0, stderr.toString())
      const compiled = Result.getOrThrow(decode(FileDescriptorSet, readFileSync(out)))
      const ours = Result.getOrThrow(decode(FileDescriptorSet, files))
      assert.deepStrictEqual(compiled.file, ours.file.filter((file) => names.includes(file.name!)))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
