import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import { enumeration, message, rpcPath, service } from "../../../src/schema/proto/Descriptor.ts"
import { FileDescriptorProto } from "../../../src/schema/proto/DescriptorFields.ts"
import { describeFile } from "../../../src/schema/proto/FileDescriptor.ts"
import { InferenceService } from "../../../src/schema/proto/InferenceService.ts"
import { protoFile } from "../../../src/schema/proto/ProtoFile.ts"
import * as ProtoFiles from "../../../src/schema/proto/ProtoFiles.ts"
import { printProtoFile } from "../../../src/schema/proto/ProtoPrinter.ts"
import { decode, encode } from "../../../src/schema/proto/WireFormat.ts"

const Leaf = message("p.Outer.Leaf", [{ name: "n", number: 1, kind: "int64" }])
const Outer = message("p.Outer", [
  {
    name: "state",
    number: 1,
    kind: "enum",
    type: enumeration("p.Outer.State", { OFF: 0, ON: 1 })
  },
  { name: "leaf_list", number: 2, kind: "message", label: "repeated", type: Leaf },
  { name: "by_name", number: 3, kind: "message", label: "map", type: Leaf },
  { name: "text", number: 4, kind: "string", oneof: "choice" },
  { name: "raw", number: 5, kind: "bytes", oneof: "choice" },
  { name: "other", number: 6, kind: "bool", oneof: "second" }
])
const Empty = message("p.Empty", [])
const file = protoFile({
  name: "p.proto",
  package: "p",
  services: [service("p.S", [{ name: "Go", request: Empty, response: Outer, serverStreaming: true }])]
})

describe("proto files", () => {
  it("are what docs/proto holds (node test/schema/proto/writeProtoFiles.ts)", () => {
    for (const one of ProtoFiles.shipped) {
      const path = new URL(`../../../docs/proto/${one.name}`, import.meta.url)
      assert.strictEqual(readFileSync(path, "utf8"), printProtoFile(one), one.name)
    }
  })

  it("print as protobuf's language has them", () => {
    assert.strictEqual(
      printProtoFile(file),
      `syntax = "proto3";

package p;

service S {
  rpc Go(Empty) returns (stream Outer);
}

message Empty {}

message Outer {
  enum State {
    OFF = 0;
    ON = 1;
  }

  message Leaf {
    int64 n = 1;
  }

  State state = 1;
  repeated Leaf leaf_list = 2;
  map<string, Leaf> by_name = 3;
  oneof choice {
    string text = 4;
    bytes raw = 5;
  }
  oneof second {
    bool other = 6;
  }
}
`
    )
  })

  it("describe themselves as protobuf does", () => {
    const bytes = encode(FileDescriptorProto, describeFile(file))
    const described = Result.getOrThrow(decode(FileDescriptorProto, bytes))
    assert.deepInclude(described, { name: "p.proto", package: "p", syntax: "proto3", dependency: [] })
    const [empty, outer] = described.message_type
    assert.strictEqual(empty!.name, "Empty")
    assert.deepStrictEqual(
      outer!.field.map(({ json_name, label, number, oneof_index, type, type_name }) => [
        number,
        label,
        type,
        type_name,
        oneof_index,
        json_name
      ]),
      [
        [1, "LABEL_OPTIONAL", "TYPE_ENUM", ".p.Outer.State", undefined, "state"],
        [2, "LABEL_REPEATED", "TYPE_MESSAGE", ".p.Outer.Leaf", undefined, "leafList"],
        [3, "LABEL_REPEATED", "TYPE_MESSAGE", ".p.Outer.ByNameEntry", undefined, "byName"],
        [4, "LABEL_OPTIONAL", "TYPE_STRING", undefined, 0, "text"],
        [5, "LABEL_OPTIONAL", "TYPE_BYTES", undefined, 0, "raw"],
        [6, "LABEL_OPTIONAL", "TYPE_BOOL", undefined, 1, "other"]
      ]
    )
    const nested = outer!.nested_type as unknown as typeof described.message_type
    assert.deepStrictEqual(nested.map(({ name, options }) => [name, options?.map_entry]), [
      ["Leaf", undefined],
      ["ByNameEntry", true]
    ])
    assert.deepStrictEqual(outer!.enum_type[0]!.value, [{ name: "OFF", number: 0 }, { name: "ON", number: 1 }])
    assert.deepStrictEqual(outer!.oneof_decl, [{ name: "choice" }, { name: "second" }])
    assert.deepStrictEqual(described.service[0]!.method, [{
      name: "Go",
      input_type: ".p.Empty",
      output_type: ".p.Outer",
      client_streaming: undefined,
      server_streaming: true
    }])
  })

  it("hold every message once, and import what another file has", () => {
    const names = ProtoFiles.all.flatMap(({ typeNames }) => [...typeNames])
    assert.strictEqual(new Set(names).size, names.length)
    assert.deepStrictEqual(ProtoFiles.inferenceFile.imports, [ProtoFiles.modelConfigFile])
    assert.strictEqual(ProtoFiles.inferenceFile.messages.length, 48)
    assert.isFalse(ProtoFiles.inferenceFile.typeNames.has("inference.ModelConfig"))
  })

  it("has the procedures of Triton under their paths", () => {
    assert.strictEqual(InferenceService.rpcs.length, 20)
    assert.strictEqual(
      rpcPath(InferenceService, InferenceService.rpcs[5]),
      "/inference.GRPCInferenceService/ModelInfer"
    )
  })
})
