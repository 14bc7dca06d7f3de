import { assert, describe, it } from "@effect/vitest"
import { isAllowed } from "../../../src/layers/frontend/internal/http/ConsoleAccess.ts"

const host = { host: "localhost:8000" }

describe("the console is open", () => {
  it("to everybody or nobody, where the operator says so", () => {
    assert.isTrue(isAllowed("true", "203.0.113.7", { host: "models.example", forwarded: "for=198.51.100.1" }))
    assert.isFalse(isAllowed("false", "127.0.0.1", host))
  })

  it("to whoever sits at this machine, by one of its own names", () => {
    for (const peer of ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"]) {
      for (
        const name of [
          "localhost",
          "localhost:8000",
          "LOCALHOST:1",
          "127.0.0.1:8000",
          "127.1.2.3",
          "[::1]:8000",
          "[::1]"
        ]
      ) {
        assert.isTrue(isAllowed("auto", peer, { host: name }), `${peer} ${name}`)
      }
    }
  })

  it("to nobody from elsewhere", () => {
    for (
      const peer of [undefined, "", "10.0.0.1", "128.0.0.1", "::ffff:10.0.0.1", "::2", "fe80::1", "2001:db8::127.0.0.1"]
    ) {
      assert.isFalse(isAllowed("auto", peer, host), peer)
    }
  })

  it("to no page that has given this machine a name of its own", () => {
    for (
      const name of [
        "",
        "attacker.example",
        "localhost.attacker.example:8000",
        "attacker.localhost",
        "127.0.0.1.attacker.example",
        "127.0.0.1@attacker.example",
        "localhost:8000:1",
        "0.0.0.0:8000"
      ]
    ) {
      assert.isFalse(isAllowed("auto", "127.0.0.1", { host: name }), name)
    }
    assert.isFalse(isAllowed("auto", "127.0.0.1", {}))
  })

  it("to nobody behind a proxy, who seems to sit here", () => {
    for (const name of ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"]) {
      assert.isFalse(isAllowed("auto", "127.0.0.1", { ...host, [name]: "" }), name)
    }
  })
})
