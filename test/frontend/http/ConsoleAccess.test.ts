import { assert, describe, it } from "@effect/vitest"
import { type Asker, isAllowed } from "../../../src/layers/frontend/internal/http/ConsoleAccess.ts"

const asker = (peer: string | undefined, host: string | undefined, more: Partial<Asker> = {}): Asker => ({
  peer,
  hosts: host === undefined ? [] : [host],
  headers: {},
  ...more
})

describe("the console is open", () => {
  it("to everybody or nobody, where the operator says so", () => {
    assert.isTrue(
      isAllowed("true", asker("203.0.113.7", "models.example", { headers: { forwarded: "for=198.51.100.1" } }))
    )
    assert.isFalse(isAllowed("false", asker("127.0.0.1", "localhost")))
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
        assert.isTrue(isAllowed("auto", asker(peer, name)), `${peer} ${name}`)
      }
    }
  })

  it("to nobody from elsewhere", () => {
    for (
      const peer of [undefined, "", "10.0.0.1", "128.0.0.1", "::ffff:10.0.0.1", "::2", "fe80::1", "2001:db8::127.0.0.1"]
    ) {
      assert.isFalse(isAllowed("auto", asker(peer, "localhost:8000")), peer)
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
        "0.0.0.0:8000",
        "127.0.0.999",
        "127.0.0.256:8000"
      ]
    ) {
      assert.isFalse(isAllowed("auto", asker("127.0.0.1", name)), name)
    }
    assert.isFalse(isAllowed("auto", asker("127.0.0.1", undefined)))
  })

  it("by the name that counts: that of the target before that of the header, of which there is one", () => {
    const here = "127.0.0.1"
    assert.isFalse(isAllowed("auto", asker(here, "localhost", { authority: "attacker.example" })))
    assert.isTrue(isAllowed("auto", asker(here, "attacker.example", { authority: "localhost:8000" })))
    assert.isFalse(isAllowed("auto", asker(here, "localhost", { authority: "" })))
    assert.isFalse(isAllowed("auto", asker(here, "localhost", { hosts: ["localhost", "localhost"] })))
    assert.isFalse(isAllowed("auto", asker(here, "localhost", { hosts: ["localhost", "attacker.example"] })))
  })

  it("to nobody behind a proxy, who seems to sit here", () => {
    for (const name of ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"]) {
      assert.isFalse(isAllowed("auto", asker("127.0.0.1", "localhost", { headers: { [name]: "" } })), name)
    }
  })
})
