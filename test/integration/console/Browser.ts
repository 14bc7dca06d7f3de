/** A browser without a window, and pages that tell of everything that goes wrong in them. */
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { type Browser, chromium, type Page } from "playwright-core"
import { afterAll } from "vitest"

const program = [
  process.env["GALATEA_BROWSER"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome"
]
  .find((path) => path !== undefined && spawnSync(path, ["--version"]).status === 0)

/** `false`: no test can run, and a line says so. */
export const isThere = program !== undefined
if (!isThere) {
  console.warn("SKIPPED: the console in a browser: no chromium found; install it, or set GALATEA_BROWSER to its path")
}

let launched: Promise<Browser> | undefined
afterAll(() => launched?.then((browser) => browser.close()))

/** The one browser of a test file, launched for who asks first. What it keeps of a page is gone with the page. */
export const launch: Effect.Effect<Browser> = Effect.promise(() =>
  launched ??= chromium.launch({ executablePath: program!, args: ["--no-sandbox", "--disable-dev-shm-usage"] })
)

export interface Opened {
  readonly page: Page
  /** Errors of scripts, what the browser complains of, and requests that went anywhere but to the page's own server. */
  readonly complaints: Array<string>
}

/** Opens the console of a server. */
export const open = (browser: Browser, url: string, options: { readonly width?: number } = {}) =>
  Effect.acquireRelease(
    Effect.promise(async (): Promise<Opened> => {
      const page = await browser.newPage({
        viewport: { width: options.width ?? 1280, height: 900 },
        reducedMotion: "reduce"
      })
      const complaints: Array<string> = []
      page.on("pageerror", (error) => complaints.push(String(error)))
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") complaints.push(message.text())
      })
      page.on("request", (request) => {
        if (!request.url().startsWith(`${url}/v2/`)) complaints.push(`asked for ${request.url()}`)
      })
      page.setDefaultTimeout(30_000)
      await page.goto(`${url}/v2/console`)
      return { page, complaints }
    }),
    ({ page }) => Effect.promise(() => page.close())
  )

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

interface AxeResults {
  readonly violations: ReadonlyArray<
    { readonly id: string; readonly nodes: ReadonlyArray<{ readonly html: string; readonly failureSummary: string }> }
  >
}

/** What axe-core finds fault with, each with its place. */
export const violations = async (page: Page): Promise<ReadonlyArray<string>> => {
  await page.evaluate(axe)
  const results: AxeResults = await page.evaluate("axe.run(document)")
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ failureSummary, html }) => `${id}: ${html} ${failureSummary}`)
  )
}
