import { assert, describe, it } from "@effect/vitest"
import * as Versions from "../../src/layers/repository/internal/Versions.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"

const directories = (...names: ReadonlyArray<string>) => names.map((name) => ({ name, kind: "Directory" as const }))

describe("Versions", () => {
  it("takes whole numbers and skips what holds something else", () => {
    const found = Versions.list([
      ...directories("10", "9", "0", "configs", "warmup", "initial_state"),
      { name: "7", kind: "File" },
      { name: "labels.txt", kind: "File" }
    ])
    assert.deepStrictEqual(found, { versions: [0, 9, 10], warnings: [] })
  })

  it("warns of directories that look like versions and are none", () => {
    const cases: ReadonlyArray<readonly [name: string, why: string]> = [
      ["01", "which contains leading zeros in its directory name"],
      ["003", "which contains leading zeros in its directory name"],
      ["00", "which contains leading zeros in its directory name"],
      ["abc", "which fails to convert to integral number"],
      [".cache", "which fails to convert to integral number"],
      ["1abc", "which fails to convert to integral number"],
      ["2.bak", "which fails to convert to integral number"],
      ["-1", "which fails to convert to integral number"],
      ["+1", "which fails to convert to integral number"],
      ["1e3", "which fails to convert to integral number"],
      ["9007199254740992", "which fails to convert to integral number"],
      ["99999999999999999999", "which fails to convert to integral number"]
    ]
    for (const [name, why] of cases) {
      assert.deepStrictEqual(Versions.list(directories(name)), {
        versions: [],
        warnings: [`ignore version directory '${name}' ${why}`]
      })
    }
    assert.deepStrictEqual(Versions.list([{ name: "2", kind: "Broken" }, { name: "x", kind: "Broken" }]).warnings, [
      "ignore version directory '2' which cannot be read (broken symbolic link or no permission)"
    ])
  })

  it("chooses versions by the policy", () => {
    const available = [1, 2, 3, 10]
    const cases: ReadonlyArray<readonly [ModelConfig.Draft["version_policy"], ReadonlyArray<number>]> = [
      [undefined, [1, 2, 3, 10]],
      [{}, [1, 2, 3, 10]],
      [{ all: {} }, [1, 2, 3, 10]],
      [{ latest: { num_versions: 1 } }, [10]],
      [{ latest: { num_versions: 2 } }, [3, 10]],
      [{ latest: { num_versions: 9 } }, [1, 2, 3, 10]],
      [{ latest: {} }, []],
      [{ specific: { versions: [10, 1, 1] } }, [1, 10]],
      [{ specific: { versions: [] } }, []]
    ]
    for (const [version_policy, expected] of cases) {
      const config = ModelConfig.make({ name: "m", ...(version_policy === undefined ? {} : { version_policy }) })
      assert.deepStrictEqual(Versions.choose(config, available), { versions: expected, missing: [] })
    }
  })

  it("names the versions that the policy wants and nobody has", () => {
    const config = ModelConfig.make({ name: "m", version_policy: { specific: { versions: [2, 5] } } })
    assert.deepStrictEqual(Versions.choose(config, [1, 2]), {
      versions: [2],
      missing: ["version 5 is specified for model 'm', but the version directory is not present"]
    })
  })
})
