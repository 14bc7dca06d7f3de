import { assert, describe, it } from "@effect/vitest"
import { answer, type Asked, Wire } from "./Wire.ts"

const get = (target: string, fields = ""): string => `GET ${target} HTTP/1.1\r\n${fields}\r\n`
const post = (target: string, body: string): string =>
  `POST ${target} HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Answers each request with its target and body, which is heard of in one way or another. */
const echo = (how: "whole" | "events" | "late" | "fill") => (asked: Asked): void => {
  const { request } = asked
  const say = (body: string) => asked.answer(`${request.url} ${body}`)
  const listen = () => {
    let body = ""
    request.on("data", (chunk) => {
      body += chunk.toString("latin1")
    })
    request.on("end", () => say(body))
  }
  if (how === "late") return setImmediate(listen) as never
  if (how === "events") return listen()
  const whole = how === "whole" ? request.takeWhole() : undefined
  if (whole !== undefined) return say(whole.toString("latin1"))
  const memory = Buffer.alloc(Number(request.headers["content-length"] ?? 0))
  request.fill(() => memory, () => say(memory.toString("latin1")))
}

describe("a connection of HTTP/1.1", () => {
  const requests = [
    get("/1"),
    post("/2", "two"),
    get("/3", "X: y\r\n"),
    post("/4", "4".repeat(40)),
    get("/1"),
    get("/1")
  ]
  const answers = ["/1 ", "/2 two", "/3 ", `/4 ${"4".repeat(40)}`, "/1 ", "/1 "].map((text) => answer(text)).join("")

  for (const how of ["whole", "events", "late", "fill"] as const) {
    it(`reads the same wherever the network cuts, bodies taken by ${how}`, async () => {
      const bytes = requests.join("")
      const wires: Array<Wire> = []
      for (let cut = 1; cut < bytes.length; cut++) {
        const wire = new Wire({}, echo(how))
        wires.push(wire)
        wire.send(bytes.slice(0, cut))
        wire.send(bytes.slice(cut))
      }
      const trickle = new Wire({}, echo(how))
      for (const byte of bytes) trickle.send(byte)
      for (let turns = 0; turns < 20; turns++) await settled()
      for (const [i, wire] of [...wires, trickle].entries()) {
        assert.strictEqual(wire.pipe.text, answers, `cut at ${i + 1}`)
        assert.isTrue(wire.asked.every(({ finished }) => finished))
      }
    })
  }

  it("sends answers in the order of their requests", () => {
    const wire = new Wire()
    wire.send(get("/1") + get("/2") + get("/3"))
    wire.asked[2]!.answer("three")
    wire.asked[1]!.answer("two")
    assert.strictEqual(wire.pipe.text, "")
    assert.isFalse(wire.asked[2]!.finished)
    wire.asked[0]!.answer("one")
    assert.strictEqual(wire.pipe.text, answer("one") + answer("two") + answer("three"))
    assert.deepStrictEqual(wire.asked.map(({ finished }) => finished), [true, true, true])
  })

  it("ends a request whose body is never to come, also where nobody asks for it yet", async () => {
    const wire = new Wire()
    wire.send(post("/1", "half of it").slice(0, -4))
    wire.pipe.push(null)
    for (let turns = 0; turns < 5; turns++) await settled()
    assert.isTrue(wire.asked[0]!.aborted)
    assert.isTrue(wire.closed)
  })

  it("reads no more requests than may wait, and goes on when one is answered", () => {
    const wire = new Wire({ maxPipelined: 2 })
    wire.send(get("/1") + get("/2") + get("/3") + get("/4").slice(0, 6))
    wire.send(get("/4").slice(6))
    assert.strictEqual(wire.asked.length, 2)
    wire.asked[0]!.answer("1")
    assert.deepStrictEqual(wire.asked.map(({ request }) => request.url), ["/1", "/2", "/3"])
    wire.asked[1]!.answer("2")
    wire.asked[2]!.answer("3")
    wire.asked[3]!.answer("4")
    assert.strictEqual(wire.pipe.text, ["1", "2", "3", "4"].map((text) => answer(text)).join(""))
  })

  it("stops reading the socket of a client that sends on without an end, and goes on afterwards", () => {
    const wire = new Wire({ maxPipelined: 1 })
    wire.send(get("/1"))
    for (let i = 0; i < 4000; i++) wire.send(get(`/${i}`))
    assert.isTrue(wire.pipe.isPaused())
    assert.strictEqual(wire.asked.length, 1)
    for (let i = 0; i <= 4000; i++) wire.asked[i]!.answer("x")
    assert.isFalse(wire.pipe.isPaused())
  })

  it("gives what it does not read to somebody else, after the answers that are owed and with every byte", () => {
    const odd = "PUT /3 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    const wire = new Wire()
    wire.send(get("/1") + post("/2", "two") + odd.slice(0, 50))
    wire.send(odd.slice(50))
    assert.strictEqual(wire.asked.length, 2)
    wire.asked[0]!.answer("1")
    assert.isUndefined(wire.left)
    wire.asked[1]!.answer("2")
    assert.strictEqual(wire.left, odd)
    assert.deepStrictEqual(wire.pipe.eventNames().filter((name) => name !== "prefinish"), [])
    const first = new Wire()
    first.send("P")
    first.send("RI * ")
    assert.strictEqual(first.left, "PRI * ")
  })

  it("takes no request after one that closes the connection", () => {
    const wire = new Wire()
    wire.send(get("/1", "Connection: close\r\n") + get("/2"))
    assert.strictEqual(wire.asked.length, 1)
    wire.asked[0]!.answer("1")
    assert.strictEqual(wire.pipe.text, answer("1", false))
    assert.isTrue(wire.pipe.writableEnded)
    const closing = new Wire()
    closing.send(get("/1") + get("/2"))
    closing.asked[0]!.answer("1", false)
    closing.send(get("/3"))
    closing.asked[1]!.answer("2")
    assert.strictEqual(closing.pipe.text, answer("1", false))
    assert.strictEqual(closing.asked.length, 2)
  })

  it("sends the last answer whole, whatever becomes of those behind it", async () => {
    const wire = new Wire()
    wire.pipe.takes = false
    wire.send(get("/1") + get("/2"))
    wire.asked[0]!.answer("1", false)
    wire.asked[1]!.answer("2")
    await settled()
    assert.isFalse(wire.pipe.destroyed)
    wire.pipe.readOn()
    for (let turns = 0; turns < 5; turns++) await settled()
    assert.isTrue(wire.asked[0]!.finished)
    assert.isTrue(wire.asked[1]!.aborted)
    assert.strictEqual(wire.pipe.text, answer("1", false))
  })

  it("sends no body with an answer to HEAD, and chunks where nobody knows the length", () => {
    const wire = new Wire()
    wire.send("HEAD /1 HTTP/1.1\r\n\r\n" + get("/2"))
    wire.asked[0]!.answer("body")
    const { response } = wire.asked[1]!
    response.writeHead(200, ["Content-Type", "text/plain"])
    response.write(Buffer.from("0123456789abcdef"))
    response.end("x", "latin1")
    assert.strictEqual(
      wire.pipe.text,
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" +
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" +
        "10\r\n0123456789abcdef\r\n1\r\nx\r\n0\r\n\r\n"
    )
  })

  it("sends no header that could be read as two", () => {
    const wire = new Wire()
    wire.send(get("/1"))
    assert.throws(() => wire.asked[0]!.response.writeHead(200, ["X", "a\r\nb"]), /X of an answer/)
  })

  it("holds an answer until the client takes it, and reads nothing more meanwhile", async () => {
    const wire = new Wire()
    wire.pipe.takes = false
    wire.send(get("/1"))
    const { response } = wire.asked[0]!
    response.writeHead(200, ["Content-Length", "200000"])
    response.endParts([Buffer.alloc(100_000), Buffer.alloc(100_000)], 200_000)
    assert.isFalse(wire.asked[0]!.finished)
    wire.send(get("/2"))
    assert.strictEqual(wire.asked.length, 1)
    wire.pipe.readOn()
    for (let turns = 0; turns < 5; turns++) await settled()
    assert.isTrue(wire.asked[0]!.finished)
    assert.strictEqual(wire.asked.length, 2)
  })

  it("aborts what is in progress when the client goes away", async () => {
    const wire = new Wire()
    wire.send(get("/1") + "POST /2 HTTP/1.1\r\nContent-Length: 9\r\n\r\nab")
    wire.pipe.destroy()
    await settled()
    assert.deepStrictEqual(wire.asked.map(({ aborted }) => aborted), [true, true])
    assert.isTrue(wire.closed)
  })

  it("answers in its stead who is late with a head, and closes who has nothing to say", async () => {
    const late = new Wire()
    late.send("GET / HT")
    late.connection.look(performance.now() + 900)
    assert.strictEqual(late.pipe.text, "")
    late.connection.look(performance.now() + 1100)
    assert.match(late.pipe.text, /^HTTP\/1\.1 408 [^]*did not arrive in time/)
    late.pipe.destroy()
    const silent = new Wire()
    silent.connection.look(0)
    silent.connection.look(1001)
    assert.match(silent.pipe.text, /^HTTP\/1\.1 408 /)
    silent.pipe.destroy()
    const idle = new Wire()
    idle.send(get("/1"))
    idle.asked[0]!.answer("1")
    idle.connection.look(10)
    idle.connection.look(3000)
    assert.isFalse(idle.pipe.destroyed)
    idle.connection.look(3011)
    assert.isTrue(idle.pipe.destroyed)
    const running = new Wire()
    running.send(get("/1"))
    running.connection.look(10)
    running.connection.look(100_000)
    running.asked[0]!.answer("1")
    assert.strictEqual(running.pipe.text, answer("1"))
    await settled()
  })

  it("reads a large body straight into its memory, and says when that is free again", () => {
    const wire = new Wire()
    const size = 100_000
    const memory = Buffer.alloc(size)
    wire.send(`POST / HTTP/1.1\r\nContent-Length: ${size}\r\n\r\nab`)
    let done = false
    wire.asked[0]!.request.fill(() => memory, () => {
      done = true
    })
    const place = wire.connection.place()!
    assert.deepStrictEqual([place.byteOffset - memory.byteOffset, place.length], [2, size - 2])
    place.fill(0x63, 0, 50_000)
    wire.connection.receivePlaced(50_000)
    let free = false
    wire.asked[0]!.request.whenFilled(() => {
      free = true
    })
    assert.isFalse(free, "the next bytes go there")
    wire.connection.place()!.fill(0x64)
    wire.connection.receivePlaced(size - 50_002)
    assert.isTrue(done)
    assert.strictEqual(memory.toString("latin1"), `ab${"c".repeat(50_000)}${"d".repeat(size - 50_002)}`)
    assert.isUndefined(wire.connection.place())
    assert.isTrue(free)
  })
})
