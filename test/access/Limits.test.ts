/** How often clients may ask, and by which address they are known. */
import { assert, describe, it } from "@effect/vitest"
import * as Allowance from "../../src/layers/access/internal/Allowance.ts"
import { ClientAddress } from "../../src/layers/access/internal/ClientAddress.ts"
import { LocalLimits } from "../../src/layers/access/internal/LocalLimits.ts"

const rate = (requestsPerSecond: number, burst: number) => Allowance.make({ requestsPerSecond, burst }, undefined)!

describe("limits in memory", () => {
  it("let a burst through, then the rate, and tell what is left", () => {
    let now = 1000
    const limits = new LocalLimits(10, () => now)
    const allowance = rate(10, 3)
    const left = [0, 1, 2].map(() => limits.take("a", allowance).levels[0]!.remaining)
    assert.deepStrictEqual(left, [2, 1, 0])
    assert.strictEqual(limits.take("a", allowance).retryMillis, 100)
    now += 99
    assert.closeTo(limits.take("a", allowance).retryMillis, 1, 1e-6)
    now += 1
    assert.strictEqual(limits.take("a", allowance).retryMillis, 0)
    assert.isAbove(limits.take("a", allowance).retryMillis, 0)
    assert.strictEqual(limits.take("b", allowance).retryMillis, 0)
    now += 1_000_000
    assert.deepStrictEqual([0, 1, 2].map(() => limits.take("a", allowance).retryMillis), [0, 0, 0])
    assert.isAbove(limits.take("a", allowance).retryMillis, 0)
  })

  it("take from all bounds or from none", () => {
    let now = 0
    const limits = new LocalLimits(10, () => now)
    const allowance = Allowance.make({ requestsPerSecond: 1, burst: 1 }, { requests: 2, windowSeconds: 100 })!
    assert.strictEqual(limits.take("a", allowance).retryMillis, 0)
    for (let i = 0; i < 5; i++) assert.strictEqual(limits.take("a", allowance).retryMillis, 1000)
    now = 1000
    assert.strictEqual(limits.take("a", allowance).levels[1]!.remaining, 0)
    now = 2000
    const refused = limits.take("a", allowance)
    assert.strictEqual(refused.retryMillis, 48_000)
    assert.strictEqual(refused.levels[0]!.remaining, 1)
  })

  it("go on where the bounds of a client are changed", () => {
    const limits = new LocalLimits(10, () => 0)
    const daily = (requests: number) => ({ requests, windowSeconds: 86_400 })
    const quota = Allowance.make(undefined, daily(2))!
    for (let i = 0; i < 2; i++) limits.take("a", quota)
    assert.isAbove(limits.take("a", quota).retryMillis, 0)
    // What was taken from the quota was not taken from a rate.
    const both = Allowance.make({ requestsPerSecond: 10, burst: 10 }, daily(1000))!
    const { levels, retryMillis } = limits.take("a", both)
    assert.deepStrictEqual([levels[0]!.remaining, levels[1]!.remaining, retryMillis], [10, 0, 86_400])
    // A bucket that fills within a minute is waited for no longer than that.
    const short = Allowance.make(undefined, { requests: 2, windowSeconds: 60 })!
    assert.strictEqual(limits.take("a", short).retryMillis, 30_000)
    assert.strictEqual(limits.take("a", rate(10, 10)).retryMillis, 0)
  })

  it("keep no more clients than they may, and count whom they forget too early", () => {
    let now = 0
    const limits = new LocalLimits(100, () => now)
    const allowance = rate(1, 1)
    limits.take("kept", allowance)
    for (let i = 0; i < 100_000; i++) {
      limits.take(`client ${i}`, allowance)
      if (i % 50 === 0) limits.take("kept", allowance)
    }
    assert.strictEqual(limits.remembered, 100)
    assert.isAbove(limits.take("kept", allowance).retryMillis, 0)
    assert.strictEqual(limits.forgotten, 100_001 - 100)
    now = 1_000_000
    limits.take("late", allowance)
    assert.strictEqual(limits.forgotten, 100_001 - 100)
  })
})

describe("the headers of limits", () => {
  it("are those of the draft", () => {
    const allowance = Allowance.make({ requestsPerSecond: 50, burst: 100 }, { requests: 1000, windowSeconds: 86_400 })!
    const limits = new LocalLimits(10, () => 0)
    assert.deepStrictEqual(Allowance.headersOf(allowance, limits.take("a", allowance)), [
      "RateLimit-Policy",
      "\"rate\";q=100;w=2, \"quota\";q=1000;w=86400",
      "RateLimit",
      "\"rate\";r=99;t=1, \"quota\";r=999;t=87"
    ])
    const refused = { retryMillis: 1200, levels: [{ remaining: 0, fullMillis: 2000 }, { remaining: 4, fullMillis: 1 }] }
    assert.deepStrictEqual(Allowance.refusalHeaders(allowance, refused).slice(3), [
      "\"rate\";r=0;t=2, \"quota\";r=4;t=1",
      "Retry-After",
      "2"
    ])
  })
})

describe("the address of a client", () => {
  const addresses = new ClientAddress([{ address: "10.0.0.0", prefix: 8 }, { address: "fd00::", prefix: 8 }])
  const of = (peer: string | undefined, forwardedFor?: string) =>
    addresses.of({ authorization: undefined, apiKey: undefined, peer, forwardedFor })

  it("is that of IPv4, and the /64 network of IPv6", () => {
    assert.strictEqual(of("192.0.2.1"), "192.0.2.1")
    assert.strictEqual(of("::ffff:192.0.2.1"), "192.0.2.1")
    assert.strictEqual(of("2001:db8:0:7::1"), "2001:db8:0:7::/64")
    assert.strictEqual(of("2001:db8::7:1:2:3:4"), "2001:db8:0:7::/64")
    assert.strictEqual(of("::1"), "0:0:0:0::/64")
    assert.strictEqual(of("fe80::1%eth0"), "fe80:0:0:0::/64")
    assert.strictEqual(of("2001:db8::192.0.2.1"), "2001:db8:0:0::/64")
    assert.strictEqual(of(undefined), "unknown")
  })

  it("is that of IPv4 in every way to write it in IPv6", () => {
    const written = [
      "::ffff:c000:201",
      "::FFFF:C000:0201",
      "0:0:0:0:0:ffff:192.0.2.1",
      "64:ff9b::192.0.2.1",
      "64:ff9b::c000:201"
    ]
    for (const address of written) assert.strictEqual(of(address), "192.0.2.1", address)
    assert.strictEqual(of("64:ff9b:1::c000:201"), "64:ff9b:1:0::/64")
    assert.strictEqual(of("::c000:201"), "0:0:0:0::/64")
  })

  it("comes from X-Forwarded-For where a trusted proxy says so, from the right", () => {
    assert.strictEqual(of("192.0.2.1", "198.51.100.7"), "192.0.2.1")
    assert.strictEqual(of("10.1.2.3", "198.51.100.7"), "198.51.100.7")
    assert.strictEqual(of("10.1.2.3", "203.0.113.9, 198.51.100.7"), "198.51.100.7")
    assert.strictEqual(of("10.1.2.3", "198.51.100.7, 10.9.9.9"), "198.51.100.7")
    assert.strictEqual(of("::ffff:10.1.2.3", "198.51.100.7:4711"), "198.51.100.7")
    assert.strictEqual(of("fd00::1", "[2001:db8:0:7::1]:4711"), "2001:db8:0:7::/64")
    assert.strictEqual(of("10.1.2.3", "nonsense"), "10.1.2.3")
    assert.strictEqual(of("10.1.2.3", `${"9".repeat(100_000)}, 198.51.100.7`), "198.51.100.7")
  })
})
