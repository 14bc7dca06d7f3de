/** Everything that is fuzzed. */
import type { Target } from "./Target.ts"
import * as Files from "./targets/Files.ts"
import * as Http1 from "./targets/Http1.ts"
import * as Http2 from "./targets/Http2.ts"
import * as Infer from "./targets/Infer.ts"
import * as Json from "./targets/Json.ts"

export const targets: ReadonlyArray<Target> = [
  Infer.http,
  Infer.grpc,
  Json.document,
  Json.tensor,
  Files.pbtxt,
  Files.configJson,
  Files.onnx,
  Files.npy,
  Http1.heads,
  Http2.frames,
  Http2.hpack
]
