/** Which names a model may have. */

// Control characters, both slashes, and what a directory name that is no UTF-8 becomes.
const forbidden = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd/\\]/u

/** A name as it may stand in a message: control characters are escaped. @category formatting */
export const printable = (name: string): string => forbidden.test(name) ? JSON.stringify(name).slice(1, -1) : name

/**
 * What is wrong with a model name, `undefined` where nothing is.
 *
 * Source: model-config §1.10 for the texts; names with control characters are ours to refuse.
 *
 * @category getters
 */
export const problemOf = (name: string): string | undefined => {
  if (name.trim() === "") return "Model name cannot be empty. Please enter a valid name to deploy."
  if (name === "." || name === ".." || /[/\\]/.test(name)) {
    return `invalid model name '${name}', model name must not contain path traversal characters`
  }
  if (forbidden.test(name)) {
    return `invalid model name '${printable(name)}', ` +
      "model name must not contain control characters or bytes that are not UTF-8"
  }
  return undefined
}

/** A model name out of the name of a model file, and whether characters had to be replaced by `_`. @category constructors */
export const fromFile = (file: string): { readonly name: string; readonly changed: boolean } => {
  const stem = file.replace(/\.onnx$/i, "")
  const name = stem.replace(/[^\p{L}\p{N}._-]/gu, "_").replace(/^\.+/, "")
  const safe = name === "" ? "model" : name
  return { name: safe, changed: safe !== stem }
}
