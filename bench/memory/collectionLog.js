/**
 * Lets the engine of the process that is started with this as `--import` write what each collection of garbage did, with
 * `--trace-gc-nvp`, into the file that `GALATEA_COLLECTIONS` names instead of to standard output.
 */
import { closeSync, openSync } from "node:fs"
import { isMainThread } from "node:worker_threads"

const file = process.env["GALATEA_COLLECTIONS"]

if (isMainThread && file !== undefined && process.argv[2] === "serve") {
  // The next file that is opened takes the number of the one that was closed.
  closeSync(1)
  openSync(file, "a")
}
