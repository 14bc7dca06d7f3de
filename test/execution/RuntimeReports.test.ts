import { assert, describe, it } from "@effect/vitest"
import * as Environment from "../../src/layers/execution/internal/process/Environment.ts"
import * as RuntimeReports from "../../src/layers/execution/internal/RuntimeReports.ts"

describe("what the runtime reports", () => {
  it("is declined where the environment says nothing of it", () => {
    const environment: NodeJS.ProcessEnv = { PATH: "/bin" }
    RuntimeReports.decline(environment)
    assert.deepStrictEqual(environment, { PATH: "/bin", ORT_DISABLE_TELEMETRY: "1" })
  })

  it("is left to whoever has said something of it", () => {
    const environment: NodeJS.ProcessEnv = { ORT_DISABLE_TELEMETRY: "0" }
    RuntimeReports.decline(environment)
    assert.deepStrictEqual(environment, { ORT_DISABLE_TELEMETRY: "0" })
    assert.deepStrictEqual(Environment.ofSessions(environment), environment)
    assert.deepStrictEqual(Environment.ofCustomModels(environment), environment)
  })

  it("is declined in processes of instances, whatever the environment they come from", () => {
    assert.deepStrictEqual(Environment.ofSessions({ SECRET: "x" }), { ORT_DISABLE_TELEMETRY: "1" })
    assert.deepStrictEqual(Environment.ofCustomModels({ KEY: "x" }), { KEY: "x", ORT_DISABLE_TELEMETRY: "1" })
  })
})
