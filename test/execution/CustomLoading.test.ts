import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as CustomExecutor from "../../src/layers/execution/CustomExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import { Executor, type ModelPlan } from "../../src/services/Executor.ts"
import { folder, plan } from "./CustomModules.ts"

const module = folder()
const layerWith = (options: CustomExecutor.Options) =>
  CustomExecutor.layerWith(options).pipe(Layer.provideMerge(SharedTensorMemory.layer))
const isolations = ["thread", "process"] as const

const head = `import { Effect } from "effect"\n`

const open = (source: string, rest: Partial<ModelPlan> = {}, name?: string) =>
  Effect.flatMap(Executor, (executor) => executor.open(plan(module(source, name), rest)))

describe.each(isolations)("modules that cannot be served in a %s", (isolation) => {
  const layer = layerWith({ isolation })
  const cases: ReadonlyArray<readonly [string, string, RegExp, string?]> = [
    ["no function", "export const x = 1", /exports neither 'default', a function/],
    ["something else than a function", "export default 5", /exports number as 'default', expected a function/],
    ["an effect that is no function", `${head}export default Effect.succeed(1)`, /exports an effect as 'default'/],
    ["two functions", "export default () => {}; export const make = () => {}", /exports both 'default' and 'make'/],
    [
      "a setup that is no effect",
      "export const make = () => 3",
      /'make' of the module gave number, expected an effect/
    ],
    [
      "a setup without a function",
      `${head}export const make = () => Effect.succeed(3)`,
      /ended with number, expected a/
    ],
    [
      "a setup that fails",
      `${head}export const make = () => Effect.fail({ _tag: "NoDictionary", message: "words.txt is not there" })`,
      /custom model error: words\.txt is not there$/
    ],
    ["a setup that throws", "export const make = () => { throw new Error('a bug') }", /Error: a bug\n.*model\.ts/s],
    [
      "an error at its top",
      "null.x\nexport default () => {}",
      /TypeError: Cannot read properties of null.*model\.ts:1/s
    ],
    ["no TypeScript", "export default () => {\n  let x: = 3\n}", /Unexpected token `=`.*\n {2}let x: = 3\n {9}\^/s],
    [
      "no JavaScript",
      "export default () => {\n  let = = 3\n}",
      /SyntaxError: Unexpected strict mode reserved word$/,
      "model.mjs"
    ],
    ["TypeScript that is more than types", "enum A { B }\nexport default () => {}", /enum is not supported/],
    ["a missing file", `import "./missing.ts"\nexport default () => {}`, /Cannot find module.*missing\.ts/],
    [
      "a missing package",
      `import "no-such-package"\nexport default () => {}`,
      /Cannot find package 'no-such-package'.*: it is looked for in 'node_modules' beside that file and in the folders above;/
    ],
    ["a missing module of the server", `import "galatea/no"`, /: the server has no module 'galatea\/no'/],
    [
      "an end of its own",
      "process.exit(4)",
      /the module ended its thread with code 4 before it was ready|its process ended with code 4/
    ],
    [
      "a setup that is a promise",
      "export const make = async () => () => {}",
      /'make' of the module gave a promise, expected an effect/
    ],
    ["a promise at its top that never ends", "await new Promise(() => {})", /the module waits without end/],
    [
      "an uncaught error",
      "setTimeout(() => { throw new Error('early') }); await new Promise(() => setInterval(() => {}))",
      /early/
    ]
  ]
  for (const [what, source, message, name] of cases) {
    it.effect(`have ${what}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(open(source, {}, name))
        assert.strictEqual(error._tag, "LoadFailed")
        assert.match(error.message, /^failed to load 'm' version 1 from '.*model\.m?[jt]s': /)
        assert.match(error.message, message)
      }).pipe(Effect.scoped, Effect.provide(layer)))
  }

  it.effect("import what is there under a name of another kind, and are told the right one", () =>
    Effect.gen(function*() {
      const beside = { "other.ts": "export const x = 1", "lib/index.mjs": "export const y = 1" }
      const wrong: ReadonlyArray<readonly [string, string]> = [
        ["./other", "./other.ts"],
        ["./other.js", "./other.ts"],
        ["./lib", "./lib/index.mjs"]
      ]
      for (const [written, right] of wrong) {
        const path = module(`import "${written}"\nexport default () => {}`, "model.ts", beside)
        const error = yield* Effect.flip(Effect.flatMap(Executor, (executor) => executor.open(plan(path))))
        assert.isTrue(error.message.endsWith(`: write "${right}"`), error.message)
      }
      // A module that looks for something optional finds the code that Node gives.
      const source = `let code
        try { await import("./nothing") } catch (error) { code = error.code }
        try { await import("./other") } catch (error) { code += error.code }
        if (code !== "ERR_MODULE_NOT_FOUNDERR_MODULE_NOT_FOUND") throw new Error(code)
        export default ({ X }) => ({ Y: X })`
      yield* Effect.flatMap(Executor, (executor) => executor.open(plan(module(source, "model.ts", beside))))
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("take longer than a run may", () =>
    Effect.gen(function*() {
      for (const source of ["while (true);", `${head}export const make = () => Effect.never`]) {
        const opening = yield* Effect.forkChild(Effect.flip(open(source)), { startImmediately: true })
        yield* TestClock.adjust("6 seconds")
        assert.include(
          (yield* Fiber.join(opening)).message,
          "it was not open within 6s (--instance-stall-timeout-secs): "
        )
      }
    }).pipe(Effect.scoped, Effect.provide(layerWith({ isolation, stallTimeout: "6 seconds" }))))

  it.effect("ask for a device that is not there", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        open("export default () => []", { instances: [{ name: "m_0", device: { kind: "GPU", id: 1 } }] })
      )
      assert.include(error.message, "instance 'm_0' of model 'm' asks for device GPU 1; a custom model runs on the CPU")
    }).pipe(Effect.scoped, Effect.provide(layer)))
})
