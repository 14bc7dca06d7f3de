/** The console in a real browser, over a server with real models. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Child from "../cli/Child.ts"
import * as InProcess from "../cli/InProcess.ts"
import * as Browser from "./Browser.ts"

const repository = Child.folder({
  simple: { "config.pbtxt": "max_batch_size: 8\ndynamic_batching { }\n", 1: { "model.onnx": Models.simple() } },
  broken: { 1: { "model.onnx": "no model" } }
})

const serve = (...options: ReadonlyArray<string>) =>
  Effect.flatMap(
    repository,
    (models) => InProcess.serve([models, "--exit-on-error=false", "--strict-readiness=false", ...options])
  )

const row = Array.from({ length: 16 }, (_, i) => i)
const inputs = ["INPUT0", "INPUT1"].map((name) => ({ name, shape: [1, 16], datatype: "INT32", data: row }))
const post = (url: string, body: unknown): RequestInit & { readonly url: string } => ({
  url: `${url}/v2/models/simple/infer`,
  method: "POST",
  body: JSON.stringify(body)
})

/** Sends so many requests, one after another. */
const send = async (url: string, count: number, body: unknown = { id: "forty-two", inputs }): Promise<void> => {
  for (let i = 0; i < count; i++) {
    const { url: path, ...init } = post(url, body)
    await (await fetch(path, init)).arrayBuffer()
  }
}

describe.skipIf(!Browser.isThere)("the console in a browser", () => {
  it.live("shows models and figures, without asking anybody else for anything", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const { complaints, page } = yield* Browser.open(yield* Browser.launch, url)
      yield* Effect.promise(async () => {
        await page.getByText("Ready", { exact: true }).waitFor()
        const models = page.getByRole("table", { name: /Every version/ })
        assert.match(await models.getByRole("row", { name: /^simple 1/ }).innerText(), /batches up to 8[^]*ready/)
        assert.match(await models.getByRole("row", { name: /^broken/ }).innerText(), /not available/)
        assert.strictEqual(await page.locator("#models-hint").innerText(), "1 of 2 ready")

        await page.locator("#window").getByText("The last minute").waitFor()
        await send(url, 40)
        await page.locator("#figures summary").click()
        // All of them are in the rows, though they came within a second: rates, and five seconds or a little more.
        await send(url, 5, { inputs: [] })
        const told = { answered: 0, invalid: 0 }
        while (told.answered < 30 || told.invalid < 3.5) {
          await page.waitForResponse(/console\/state/)
          const rows: ReadonlyArray<ReadonlyArray<string>> = await page.evaluate(
            "[...document.querySelectorAll('#figures-rows tr')].map((row) => [...row.cells].map((cell) => cell.innerText))"
          )
          told.answered = 5 * rows.reduce((sum, cells) => sum + Number(cells[1]), 0)
          told.invalid = 5 * rows.reduce((sum, cells) => sum + Number(cells[7]), 0)
        }
        assert.isAtMost(told.answered, 42)
        assert.isAtMost(told.invalid, 5.5)
        await send(url, 40)
        const busy = page.locator("#models-rows tr", { hasText: /^simple/ }).locator("td:nth-child(7)", {
          hasText: "%"
        })
        await busy.waitFor()
        await page.getByRole("button", { name: "simple 1" }).first().click()
        assert.strictEqual(await page.locator("#scope").inputValue(), "simple\u00001")
        await page.getByLabel("Find").fill("brok")
        assert.strictEqual(await page.locator("#models-rows tr").count(), 1)
        await page.getByLabel("Find").fill("")
      })
      assert.deepStrictEqual(complaints, [])
    }))

  it.live("sends a request by hand, and shows its answer and where its time went", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const { complaints, page } = yield* Browser.open(yield* Browser.launch, url)
      yield* Effect.promise(async () => {
        const values = page.getByLabel("Values", { exact: true })
        await values.nth(1).waitFor()
        await values.nth(1).fill("1, 2, 3")
        await page.getByRole("button", { name: "Send" }).click()
        await page.getByText("The shape asks for 16 values, and there are 3.").waitFor()
        assert.strictEqual(await page.evaluate("document.activeElement.id"), "try-1-data")
        await page.getByLabel("Fill with").nth(1).selectOption("ones")
        await page.getByRole("button", { name: "Send" }).click()
        await page.getByText("Answered").waitFor()
        assert.match(await page.getByLabel("Values of OUTPUT0").innerText(), /^1 +2 +3 .* 16$/)
        assert.match(await page.getByLabel("Values of OUTPUT1").innerText(), /^-1 +0 +1 .* 14$/)
        const times = page.locator("#try-result .times")
        await times.getByText("Compute").waitFor()
        assert.match(await times.innerText(), /1\srow of 1\srequest/)
        assert.notMatch(await times.innerText(), /Trace/, "nothing is traced")

        await page.getByText("The same with curl").click()
        assert.match(
          await page.getByLabel("Command").innerText(),
          /^curl 'http:.*\/v2\/models\/simple\/versions\/1\/infer' -d '\{/
        )
        await page.getByLabel("Shape").first().fill("9 × 16")
        await page.getByLabel("Shape").nth(1).fill("9 × 16")
        await page.getByLabel("Shape").nth(1).press("Tab")
        await page.getByRole("button", { name: "Send" }).click()
        await page.getByRole("status").filter({ hasText: "400" }).waitFor()
        const errors = page.locator("#models-rows tr", { hasText: /^simple/ }).locator("td.bad")
        await errors.getByText("1", { exact: true }).waitFor()
      })
      assert.deepStrictEqual(complaints.filter((text) => !text.includes("status of 400")), [])
    }))

  it.live("shows the trace of a request where it is exported", () =>
    Effect.gen(function*() {
      const port = yield* Child.freePort
      const { url } = yield* serve(
        ...["mode=opentelemetry", "level=TIMESTAMPS", "rate=1", `opentelemetry,url=http://127.0.0.1:${port}/v1/traces`]
          .map((word) => `--trace-config=${word}`)
      )
      const { page } = yield* Browser.open(yield* Browser.launch, url)
      yield* Effect.promise(async () => {
        await page.getByRole("button", { name: "Send" }).click()
        await page.getByText("Answered").waitFor()
        const traced = page.locator("#try-result .times div", { hasText: /^Trace/ })
        assert.match(await traced.innerText(), /^Trace\s+[0-9a-f]{32}$/)
      })
    }))

  it.live("is worked with keys alone", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const { complaints, page } = yield* Browser.open(yield* Browser.launch, url)
      yield* Effect.promise(async () => {
        await page.getByText("Ready", { exact: true }).waitFor()
        await page.keyboard.press("Tab")
        assert.strictEqual(await page.evaluate("document.activeElement.textContent"), "Skip to the content")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        assert.strictEqual(await page.evaluate("document.activeElement.id"), "scope")

        await page.locator("#window").getByText("The last minute").waitFor()
        await page.locator("#scrub").focus()
        await page.keyboard.press("Home")
        assert.match(await page.locator("#scrub-time").innerText(), /^\d\d:\d\d:\d\d$/)
        await page.keyboard.press("End")
        assert.strictEqual(await page.locator("#scrub-time").innerText(), "now")

        const rows = page.locator("#flow-list input")
        while (await rows.count() < 2) await send(url, 1)
        await page.locator("#flow-list input:checked").focus()
        await page.keyboard.press("ArrowDown")
        await page.getByRole("button", { name: "Follow again" }).waitFor()
        const chosen = await page.locator("#flow-list input:checked").getAttribute("value")
        await send(url, 3)
        await page.waitForResponse(/console\/state/)
        assert.strictEqual(
          await page.locator("#flow-list input:checked").getAttribute("value"),
          chosen,
          "the list is held"
        )
        assert.match(await page.locator("#flow-detail").innerText(), /Compute[^]*forty-two/)
      })
      assert.deepStrictEqual(complaints, [])
    }))

  it.live("has nothing that axe-core finds fault with, in light, dark and on a phone", () =>
    Effect.gen(function*() {
      const { url } = yield* serve("--http-restricted-api=trace:key=secret")
      const { page } = yield* Browser.open(yield* Browser.launch, url)
      yield* Effect.promise(async () => {
        await page.getByText("Ready", { exact: true }).waitFor()
        await send(url, 5, { inputs: [] })
        await send(url, 5)
        await page.locator("#figures summary").click()
        await page.getByRole("button", { name: "Send" }).click()
        await page.getByText("Answered").waitFor()
        for (const theme of ["light", "dark"]) {
          await page.getByLabel("Colours").selectOption(theme)
          for (const width of [1280, 700, 390]) {
            await page.setViewportSize({ width, height: 800 })
            assert.deepStrictEqual(await Browser.violations(page), [], `${theme} ${width}`)
            assert.isAtMost(await page.evaluate("document.documentElement.scrollWidth") as number, width)
          }
        }
        await page.reload()
        assert.strictEqual(await page.getByLabel("Colours").inputValue(), "dark")
      })
    }))

  it.live("has no words over its lines", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const { page } = yield* Browser.open(yield* Browser.launch, url)
      yield* Effect.promise(async () => {
        const scale = page.locator("#chart-latency .scale.low")
        await scale.getByText("s").waitFor()
        for (const width of [1280, 390]) {
          await page.setViewportSize({ width, height: 800 })
          const lines = (await page.locator("#chart-latency svg").boundingBox())!
          const low = (await scale.boundingBox())!
          const top = (await page.locator("#chart-latency .scale").first().boundingBox())!
          assert.isAtLeast(low.y, lines.y + lines.height, `${width}`)
          assert.isAtMost(top.y + top.height, lines.y, `${width}`)
          assert.isAbove(lines.height, 40)
        }
      })
    }))

  it.live("shows busy models first", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const { page } = yield* Browser.open(yield* Browser.launch, url)
      yield* Effect.promise(async () => {
        const first = page.locator("#models-rows tr").first()
        await first.getByRole("button", { name: /^broken/ }).waitFor()
        await page.locator("#window").getByText("The last minute").waitFor()
        await send(url, 3)
        await first.getByRole("button", { name: /^simple/ }).waitFor()
      })
    }))

  it.live("asks for the header of what is restricted, and says when the server is gone", () =>
    Effect.gen(function*() {
      const server = yield* serve("--http-restricted-api=model-repository,statistics,trace:admin-key=secret")
      const { page } = yield* Browser.open(yield* Browser.launch, server.url)
      yield* Effect.promise(async () => {
        await page.getByLabel("Header admin-key").fill("secret")
        assert.strictEqual(await page.locator("#models-rows tr").count(), 0)
        assert.strictEqual(await page.locator("#models-hint").innerText(), "Restricted")
        const detail = page.locator("#flow-detail")
        assert.match(await detail.innerText(), /^Requests are restricted: .* header admin-key /)
        await page.getByLabel("Header admin-key").press("Tab")
        await page.locator("#models-rows tr").first().waitFor()
        assert.match(await detail.innerText(), /^No request was seen yet/)
        assert.isFalse(await page.getByLabel("Header admin-key").isVisible())
        assert.strictEqual(await page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })"), "{}")
      })
      yield* server.end
      yield* Effect.promise(() => page.getByRole("status").filter({ hasText: /Not reached since \d/ }).waitFor())
    }))
})
