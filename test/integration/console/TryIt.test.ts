/** Requests by hand, in a real browser, and what the page makes of a server that changes meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import type { Page } from "playwright-core"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Child from "../cli/Child.ts"
import * as InProcess from "../cli/InProcess.ts"
import * as Browser from "./Browser.ts"

const identity = { 1: { "model.onnx": Models.identity("FP32", ["batch", 4]) } }

const serve = (models: string, ...options: ReadonlyArray<string>) =>
  InProcess.serve([models, "--model-control-mode=explicit", "--load-model=*", ...options])

const post = (url: string, path: string) => fetch(`${url}/v2/${path}`, { method: "POST", body: "{}" })

const verdict = (page: Page, text: string | RegExp) => page.locator("#try-verdict", { hasText: text }).waitFor()

const send = (page: Page) => page.getByRole("button", { name: "Send" }).click()

/** Sends until the server has noted one: it does so only while it believes that somebody looks. */
const sendUntilListed = async (page: Page) => {
  do {
    await send(page)
    await verdict(page, /^Answered in/)
    await page.waitForResponse(/console\/state/)
  } while (await page.locator("#flow-list label").count() === 0)
}

const values = (page: Page) => page.getByLabel("Values", { exact: true })

describe.skipIf(!Browser.isThere)("a request by hand", () => {
  it.live("is shown with fractions as FP32 and FP64 have them", () =>
    Effect.gen(function*() {
      const models = yield* Child.folder({
        single: identity,
        twice: { 1: { "model.onnx": Models.identity("FP64", ["batch", 4]) } }
      })
      const { url } = yield* serve(models)
      const { complaints, page } = yield* Browser.open(yield* Browser.launch, url)
      yield* Effect.promise(async () => {
        for (const name of ["single 1", "twice 1"]) {
          await page.locator("#try-model").selectOption({ label: name })
          await page.locator("#try-form .chip", { hasText: name === "twice 1" ? "FP64" : "FP32" }).waitFor()
          await values(page).fill("0.1 0.30000000000000004 -1e-7 2")
          await send(page)
          await verdict(page, /^Answered in/)
          assert.strictEqual(await page.getByLabel("Values of OUTPUT0").innerText(), "0.1  0.3  -1e-7  2")
        }
        await page.route("**/infer", (route) => route.fulfill({ status: 200, body: "<html>" }))
        await send(page)
        await verdict(page, /^Answered with what this page cannot show/)
      })
      assert.deepStrictEqual(complaints, [])
    }))

  it.live("gets the header that inference alone is restricted by", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(
        yield* Child.folder({ single: identity }),
        "--http-restricted-api=inference:key=dame"
      )
      const { complaints, page } = yield* Browser.open(yield* Browser.launch, url)
      yield* Effect.promise(async () => {
        await page.getByLabel("Header key").fill("ключ")
        await page.getByLabel("Header key").press("Tab")
        await page.getByRole("alert").filter({ hasText: "cannot be sent in a header" }).waitFor()
        await page.waitForResponse(/console\/state/)
        assert.strictEqual(await page.locator("#status").innerText(), "Ready")
        await page.getByLabel("Header key").fill("dame")
        await page.getByLabel("Header key").press("Tab")
        await page.locator("#keys").waitFor({ state: "hidden" })
        await send(page)
        await verdict(page, /^Answered in/)
      })
      assert.deepStrictEqual(complaints, [])
    }))

  it.live("has a form for the inputs that the model has now, with what was written", () =>
    Effect.gen(function*() {
      const models = yield* Child.folder({ single: identity })
      const { url } = yield* serve(models)
      const { page } = yield* Browser.open(yield* Browser.launch, url)
      const file = `${models}/single/1/model.onnx`
      yield* Effect.promise(async () => {
        await values(page).fill("4 3 2 1")
        writeFileSync(file, Models.identity("INT64", ["batch", 4]))
        await post(url, "repository/models/single/load")
        await page.locator("#try-form .chip", { hasText: "INT64" }).waitFor()
        assert.strictEqual(await values(page).inputValue(), "4 3 2 1")
        await send(page)
        await verdict(page, /^Answered in/)
        assert.strictEqual(await page.getByLabel("Values of OUTPUT0").innerText(), "4  3  2  1")

        writeFileSync(file, Models.identity("INT64", ["batch", 2]))
        await post(url, "repository/models/single/load")
        const shape = page.getByLabel("Shape")
        while (await shape.inputValue() !== "1 × 2") await page.waitForResponse(/console\/state/)
        assert.strictEqual(await values(page).inputValue(), "0, 1")
      })
    }))

  it.live("keeps saying why it failed when its model has left, and has a form again when it is back", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(yield* Child.folder({ single: identity }))
      const { page } = yield* Browser.open(yield* Browser.launch, url)
      yield* Effect.promise(async () => {
        await values(page).waitFor()
        // The page learns of it by its next question only.
        await page.route("**/console/state*", (route) => route.abort())
        await post(url, "repository/models/single/unload")
        await send(page)
        await verdict(page, /^[45]\d\d /)
        await page.unroute("**/console/state*")
        await page.getByText("No model is ready.").waitFor()
        await verdict(page, /^[45]\d\d /)
        await post(url, "repository/models/single/load")
        await values(page).waitFor()
        await send(page)
        await verdict(page, /^Answered in/)
      })
    }))

  it.live("is shown beside names in letters that go the other way, which turn nothing else round", () =>
    Effect.gen(function*() {
      const name = "a\u202eb"
      const { url } = yield* serve(yield* Child.folder({ [name]: identity }))
      const { complaints, page } = yield* Browser.open(yield* Browser.launch, url)
      yield* Effect.promise(async () => {
        await sendUntilListed(page)
        const isolated = `\u2068${name}\u2069 1`
        assert.include(await page.locator("#flow-list label").first().innerText(), isolated)
        assert.include(await page.locator("#flow-detail").innerText(), isolated)
        for (const select of ["#scope", "#try-model"]) {
          await page.locator(`${select} option`, { hasText: isolated }).waitFor({ state: "attached" })
        }
        assert.strictEqual(await page.locator("#models-rows bdi").innerText(), name)
      })
      assert.deepStrictEqual(complaints, [])
    }))

  it.live("is told apart from those of a server that ran before at the same place", () =>
    Effect.gen(function*() {
      const models = yield* Child.folder({ first: identity })
      const others = yield* Child.folder({ second: identity })
      const port = `--http-port=${yield* Child.freePort}`
      const before = yield* serve(models, port)
      const { page } = yield* Browser.open(yield* Browser.launch, before.url)
      yield* Effect.promise(async () => {
        await values(page).waitFor()
        await sendUntilListed(page)
        await page.locator("#flow-list label", { hasText: "first 1" }).first().waitFor()
        await page.locator("#flow-list input").first().dispatchEvent("change")
        await page.getByRole("button", { name: "Follow again" }).waitFor()
      })
      yield* before.end
      yield* Effect.promise(() => page.getByRole("status").filter({ hasText: "Not reached" }).waitFor())
      yield* serve(others, port)
      yield* Effect.promise(async () => {
        await page.locator("#flow-list label", { hasText: "first 1" }).first().waitFor({ state: "detached" })
        await page.locator("#try-model option", { hasText: "second" }).waitFor({ state: "attached" })
        await values(page).waitFor()
        await sendUntilListed(page)
        for (const text of await page.locator("#flow-list label").allInnerTexts()) assert.include(text, "second 1")
        assert.match(await page.locator("#flow-detail").innerText(), /^second 1/)
      })
    }))
})
