/** Opens a first, tiny model: what the native runtime itself takes when it is first used must not count as that of a model. */
import { Effect, FileSystem, Path } from "effect"
import { Executor } from "../../../../services/Executor.ts"
import * as LeftOvers from "../../../LeftOvers.ts"

/** An ONNX model of one Identity over one FP32, 99 bytes. */
const model =
  "CAoSB2dhbGF0ZWE6UQobCgZJTlBVVDASB09VVFBVVDAiCElkZW50aXR5EgVncmFwaFoUCgZJTlBVVDASCgoICAESBAoCCAFiFQoHT1VUUFVUMBIK" +
  "CggIARIECgIIAUIECgAQFQ=="

/** Nothing stays open. That it does not work is for the first real model to say. @category constructors */
export const open: Effect.Effect<void, never, Executor | FileSystem.FileSystem | Path.Path> = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const executor = yield* Executor
  const file = path.join(yield* fs.makeTempDirectoryScoped({ prefix: LeftOvers.firstFolderPrefix }), "model.onnx")
  yield* fs.writeFile(file, Buffer.from(model, "base64"))
  yield* executor.inspect({ model: "first", path: file })
}).pipe(Effect.scoped, Effect.ignore)
