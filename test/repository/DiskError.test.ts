import { assert, describe, it } from "@effect/vitest"
import { PlatformError } from "effect"
import * as DiskError from "../../src/layers/repository/internal/DiskError.ts"

/** As Node reports it. */
const failure = (code: string, words: string, tag: PlatformError.SystemErrorTag = "Unknown") =>
  PlatformError.systemError({
    _tag: tag,
    module: "FileSystem",
    method: "readDirectoryEntries",
    pathOrDescriptor: "/models",
    syscall: "scandir",
    cause: Object.assign(new Error(`${code}: ${words}, scandir '/models, old'`), { code })
  })

describe("DiskError", () => {
  for (
    const [code, words, tag, told] of [
      [
        "EMFILE",
        "too many open files",
        "Unknown",
        "too many open files (EMFILE): the server has as many files open as it may; raise its limit (ulimit -n)"
      ],
      [
        "ENFILE",
        "file table overflow",
        "Unknown",
        "file table overflow (ENFILE): the machine has as many files open as it can; raise its limit (sysctl fs.file-max)"
      ],
      [
        "EACCES",
        "permission denied",
        "PermissionDenied",
        "Permission denied: the user that runs the server has no right to it; change its rights, or its owner"
      ],
      ["EIO", "i/o error", "Unknown", "i/o error (EIO)"],
      ["ENOENT", "no such file or directory", "NotFound", "No such file or directory"]
    ] as const
  ) {
    it(`says what was wrong, and what helps: ${code}`, () => {
      assert.strictEqual(DiskError.causeOf(failure(code, words, tag)), told)
    })
  }

  it("says what it can of an error without a code", () => {
    const error = PlatformError.systemError({
      _tag: "TimedOut",
      module: "FileSystem",
      method: "stat",
      description: "late"
    })
    assert.strictEqual(DiskError.causeOf(error), "late")
  })
})
