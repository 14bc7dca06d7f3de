/** The protobuf code beside protobufjs, which reads the shipped proto files: what one writes the other reads. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import protobuf from "protobufjs"
import type { MessageType } from "../../../src/schema/proto/Descriptor.ts"
import { HealthService } from "../../../src/schema/proto/HealthService.ts"
import { InferenceService } from "../../../src/schema/proto/InferenceService.ts"
import { shipped } from "../../../src/schema/proto/ProtoFiles.ts"
import { decode, encode } from "../../../src/schema/proto/WireFormat.ts"
import { anyMessage } from "./ConfigArbitrary.ts"

const root = new protobuf.Root()
for (const { name } of shipped) {
  protobuf.parse(readFileSync(new URL(`../../../docs/proto/${name}`, import.meta.url), "utf8"), root, {
    keepCase: true
  })
}
root.resolveAll()

const types: ReadonlyArray<MessageType> = [InferenceService, HealthService].flatMap(({ rpcs }) =>
  rpcs.flatMap((rpc) => [rpc.request, rpc.response])
)

describe("protobufjs", () => {
  it("reads every message written here, and writes it as here", () => {
    for (const type of types) {
      const known = root.lookupType(type.fullName)
      fc.assert(
        fc.property(anyMessage(type), (value) => {
          const bytes = encode(type, value)
          const again = known.encode(known.decode(bytes)).finish()
          assert.deepStrictEqual(Result.getOrThrow(decode(type, new Uint8Array(again))), value)
          assert.strictEqual(Buffer.from(again).toString("hex"), Buffer.from(bytes).toString("hex"), type.fullName)
        }),
        { numRuns: 40 }
      )
    }
  })
})
