/** `galatea models`, `galatea infer` and `galatea codegen` against a running server. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Server from "../../../src/layers/Server.ts"
import * as Npy from "../../../src/schema/npy/Npy.ts"
import { run } from "../../cli/Memory.ts"
import { write } from "../../clients/repository.ts"
import { layerWith, Running } from "../client/Running.ts"
import { error, good, serve } from "../client/Scripted.ts"
import * as Child from "./Child.ts"

const counted = Array.from({ length: 16 }, (_, i) => i)
const ones = new Array(16).fill(1)

/** Runs a command against the server; standard output, standard error, and whether it succeeded. */
const command = Effect.fnUntraced(function*(...words: ReadonlyArray<string>) {
  const { err, exit, out } = yield* run(words, { check: Server.check })
  return { out, err, ok: Exit.isSuccess(exit) }
})

const infer = Effect.fnUntraced(function*(...words: ReadonlyArray<string>) {
  const { url } = yield* Running
  return yield* command("infer", ...words, "--url", url)
})

const refusal = (...words: ReadonlyArray<string>) =>
  Effect.map(infer(...words), ({ err, ok, out }) => {
    assert.deepStrictEqual([ok, out], [false, ""])
    return err
  })

layer(layerWith(), { excludeTestServices: true })("galatea models, of a server", (it) => {
  it.effect("lists what the server has", () =>
    Effect.gen(function*() {
      const { url } = yield* Running
      const { err, ok, out } = yield* command("models", "--url", url)
      assert.deepStrictEqual([ok, err], [true, ""])
      assert.match(out, /^\| classifier +\| 1 +\| READY \| INPUT0 FP32\[-1,4\] → SCORES FP32\[-1,4\] +\|$/m)
      assert.match(
        out,
        /^\| simple +\| 3 +\| READY \| INPUT0 INT32\[-1,16\], INPUT1 INT32\[-1,16\] → OUTPUT0 INT32\[-1,16\], OUTPUT1 INT32\[-1,16\] +\|$/m
      )
    }))
})

describe("galatea models", () => {
  it.live("says why a model is not ready", () =>
    Effect.gen(function*() {
      const index = [
        { name: "broken", version: "1", state: "UNAVAILABLE", reason: "Internal: bad file\nat byte 7" },
        { name: "never" }
      ]
      const { url } = yield* serve({ body: JSON.stringify(index) })
      const { out } = yield* command("models", `--url=${url}`)
      assert.match(out, /^\| broken \| 1 +\| UNAVAILABLE \| Internal: bad file +\|$/m)
      assert.match(out, /^\| never +\| - +\| not loaded +\| +\|$/m)
      const none = yield* serve({ body: "[]" })
      assert.strictEqual(
        (yield* command("models", "--url", none.url)).out,
        `The server at ${none.url} has no models.\n`
      )
    }))

  it.live("says that nobody answers, or that it is refused", () =>
    Effect.gen(function*() {
      const gone = yield* Effect.scoped(serve(good))
      const { err, ok } = yield* command("models", "--url", gone.url)
      assert.isFalse(ok)
      assert.strictEqual(
        err,
        `galatea models: No answer from ${gone.url} (ECONNREFUSED). Start a server, or name another with --url.\n`
      )
      const restricted = yield* serve(error(403, "This API is restricted, expecting header 'key'"))
      assert.strictEqual(
        (yield* command("models", "--url", restricted.url, "--header", "other: x")).err,
        `galatea models: The server at ${restricted.url} answered 403 to POST /v2/repository/index: This API is ` +
          "restricted, expecting header 'key'.\n"
      )
      assert.strictEqual(restricted.asked[0]!.headers["other"], "x")
    }))
})

layer(layerWith(), { excludeTestServices: true })("galatea infer", (it) => {
  it.effect("takes values of the command line and shows the outputs", () =>
    Effect.gen(function*() {
      const { err, ok, out } = yield* infer(
        "simple",
        "--input",
        `INPUT0=${counted.join(",")}`,
        "--input",
        `INPUT1=${JSON.stringify([ones])}`,
        "--output=OUTPUT0"
      )
      assert.isTrue(ok, err)
      assert.strictEqual(err, "INPUT0: [16] was taken as [1,16], a batch of one.\n")
      assert.strictEqual(
        out,
        [
          "simple version 3",
          "+---------+----------+--------+-------------------------------------------------------+",
          "| Output  | Datatype | Shape  | Values                                                |",
          "+---------+----------+--------+-------------------------------------------------------+",
          "| OUTPUT0 | INT32    | [1,16] | 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 |",
          "+---------+----------+--------+-------------------------------------------------------+",
          ""
        ].join("\n")
      )
    }))

  it.effect("reads and writes .npy files, and reads files of JSON", () =>
    Effect.scoped(Effect.gen(function*() {
      const folder = yield* Child.folder({ "b.json": JSON.stringify([ones]) })
      const a = join(folder, "a.npy")
      const sum = join(folder, "sum.npy")
      writeFileSync(a, Npy.write("INT32", [1, 16], Int32Array.from(counted)))
      const { err, ok, out } = yield* infer(
        "simple",
        `--input=INPUT0=@${a}`,
        `--input=INPUT1=@${join(folder, "b.json")}`,
        `--output=OUTPUT0=@${sum}`,
        "--model-version=1"
      )
      assert.isTrue(ok, err)
      assert.strictEqual(err, `OUTPUT0 INT32[1,16] was written to ${sum}\n`)
      assert.strictEqual(out, "simple version 1\n")
      assert.deepStrictEqual(Npy.read(readFileSync(sum)).data, Int32Array.from(counted, (value) => value + 1))
    })))

  it.effect("takes each datatype", () =>
    Effect.gen(function*() {
      for (
        const [datatype, value, shown] of [
          ["int64", "9007199254740993", "9007199254740993"],
          ["uint64", "18446744073709551615", "18446744073709551615"],
          ["bool", "true", "true"],
          ["fp16", "0.5", "0.5"],
          ["fp32", "NaN", "NaN"],
          ["fp64", "-1e300", "-1e+300"],
          ["uint8", "255", "255"]
        ] as const
      ) {
        const { err, out } = yield* infer(`identity_${datatype}`, `--input=${new Array(16).fill(value).join(",")}`)
        assert.include(out, ` ${new Array(16).fill(shown).join(", ")} |`, `${datatype} ${err}`)
      }
      const texts = JSON.stringify([new Array(16).fill("a=b")])
      const { out } = yield* infer("identity_bytes", "--input", texts, "--json")
      assert.deepStrictEqual(JSON.parse(out), {
        OUTPUT0: { datatype: "BYTES", shape: [1, 16], data: new Array(16).fill("a=b") }
      })
    }))

  it.effect("shows the best classes", () =>
    Effect.gen(function*() {
      const { out } = yield* infer("classifier", "--input=0,3,1,2", "--top=2")
      assert.match(out, /\| SCORES \| BYTES +\| \[1,2\] \| "[\d.]+:1:bee", "[\d.]+:3:dog" \|/)
    }))

  it.effect("shows the beginning of what is long, and its range", () =>
    Effect.gen(function*() {
      const { out } = yield* infer("identity_wide", `--input=${Array.from({ length: 100 }, (_, i) => i / 2).join(",")}`)
      assert.match(out, /\| 0, 0\.5, 1, .*, 7\.5, … 84 more, from 0 to 49\.5 \|/)
    }))

  it.effect("says what is wrong, and what was meant", () =>
    Effect.scoped(Effect.gen(function*() {
      const folder = yield* Child.folder({ "text.npy": "no", "bad.json": "[1,", "double.npy": "" })
      const double = join(folder, "double.npy")
      writeFileSync(double, Npy.write("FP64", [16], new Float64Array(16)))
      const of = (...words: ReadonlyArray<string>) => refusal("simple", ...words)
      assert.strictEqual(
        yield* of("--input=INPUTO=1"),
        "galatea infer: Model 'simple' has no input 'INPUTO'. Did you mean 'INPUT0'? It takes INPUT0 INT32[-1,16], " +
          "INPUT1 INT32[-1,16].\n"
      )
      assert.include(yield* of("--input=7"), "Model 'simple' has no input '7'. It takes INPUT0")
      assert.strictEqual(
        yield* of("--input=INPUT0=one"),
        "galatea infer: The value of input 'INPUT0' cannot be read as INT32: 'one' is no value of INT32.\n"
      )
      assert.include(yield* of("--input=INPUT0=1,2"), "takes the shape [-1,16] (-1: any size), and was given [2]")
      assert.include(
        yield* of(`--input=INPUT0=${counted.map((i) => i + 0.5).join(",")}`),
        "Input 'INPUT0' of model 'simple' is INT32 but element 0 is 0.5, which is no exact integer."
      )
      assert.include(
        yield* of("--input=INPUT0=@/nowhere.npy"),
        "The file '/nowhere.npy' of input 'INPUT0' cannot be read"
      )
      assert.include(yield* of(`--input=INPUT0=@${folder}/text.npy`), "text.npy' of input 'INPUT0' is no .npy file.")
      assert.include(yield* of(`--input=INPUT0=@${folder}/bad.json`), "cannot be read as INT32: ")
      assert.include(
        yield* of(`--input=INPUT0=@${double}`),
        `Input 'INPUT0' takes INT32, and the file '${double}' holds FP64. Convert it before it is saved: array.astype(numpy.int32).`
      )
      assert.strictEqual(
        yield* of("--output=OUTPUT3"),
        "galatea infer: Model 'simple' has no output 'OUTPUT3'. Did you mean 'OUTPUT0'? It gives OUTPUT0, OUTPUT1.\n"
      )
      assert.include(yield* of("--output=OUTPUT0=file.txt"), "--output takes a name, or name=@file.npy")
      assert.include(
        yield* of(`--input=INPUT0=${counted.join(",")}`),
        "answered 400 to POST /v2/models/simple/infer: [request id: <id_unknown>] expected 2 inputs but got 1 inputs"
      )
      assert.include(
        yield* refusal("simpel"),
        "answered 404 to GET /v2/models/simpel: Request for unknown model: 'simpel' is not found. Did you mean 'simple'?\n"
      )
    })))
})

describe("galatea infer", () => {
  it.live("sends a step of a sequence", () =>
    Effect.gen(function*() {
      const metadata = {
        name: "m",
        versions: ["1"],
        platform: "",
        inputs: [{ name: "X", datatype: "INT32", shape: [1] }],
        outputs: [{ name: "Y", datatype: "INT32", shape: [1] }]
      }
      const answer = { model_name: "m", model_version: "1", outputs: [] }
      const parameters = Effect.fnUntraced(function*(...words: ReadonlyArray<string>) {
        const { asked, url } = yield* serve({ body: JSON.stringify(metadata) }, { body: JSON.stringify(answer) })
        const { err, ok } = yield* command("infer", "m", "--input=5", ...words, "--url", url)
        assert.isTrue(ok, err)
        return /"parameters":\{("sequence_[^}]*)\}/.exec(asked[1]!.body.toString())?.[1]
      })
      assert.strictEqual(
        yield* parameters("--sequence-id", "18446744073709551615", "--sequence-start"),
        "\"sequence_id\":18446744073709551615,\"sequence_start\":true,\"sequence_end\":false"
      )
      assert.strictEqual(
        yield* parameters("--sequence-id", "\"5\"", "--sequence-end"),
        "\"sequence_id\":\"5\",\"sequence_start\":false,\"sequence_end\":true"
      )
      assert.strictEqual(
        yield* parameters("--sequence-id=a-1"),
        "\"sequence_id\":\"a-1\",\"sequence_start\":false,\"sequence_end\":false"
      )
      assert.isUndefined(yield* parameters())
      const refused = (...words: ReadonlyArray<string>) =>
        Effect.map(command("infer", "m", "--input=5", ...words), ({ err, ok }) => [ok, err])
      assert.deepStrictEqual(yield* refused("--sequence-start"), [
        false,
        "galatea infer: --sequence-start and --sequence-end say nothing without --sequence-id.\n"
      ])
      for (const id of ["-1", "18446744073709551616", "9".repeat(100_000)]) {
        assert.deepStrictEqual(yield* refused(`--sequence-id=${id}`), [
          false,
          `galatea infer: --sequence-id takes text, or a whole number from 1 to 2^64 - 1; it was given ${id}.\n`
        ])
      }
    }))
})

describe("galatea codegen", () => {
  it.live("writes the same module of a server and of its repository, and tells how it drifted", () =>
    Effect.gen(function*() {
      const folder = yield* Child.folder({})
      const repository = join(folder, "models")
      write(repository)
      const file = join(folder, "models.ts")
      const other = join(folder, "other.ts")
      yield* Effect.gen(function*() {
        const { url } = yield* Running
        assert.deepStrictEqual(yield* command("codegen", url, "--out", file), {
          out: "",
          err: `${file}: 21 models of ${url}\n`,
          ok: true
        })
        const module = readFileSync(file, "utf8")
        assert.include(
          module,
          "  simple: {\n    inputs: {\n      INPUT0: { datatype: \"INT32\", shape: [-1, 16] },\n"
        )
        assert.deepStrictEqual(yield* command("codegen", url), { out: module, err: "", ok: true })
        assert.isTrue((yield* command("codegen", repository, "--out", other)).ok)
        assert.strictEqual(readFileSync(other, "utf8"), module)
        assert.deepStrictEqual(yield* command("codegen", url, "--out", file, "--check"), {
          out: `${file} is up to date with ${url}.\n`,
          err: "",
          ok: true
        })
        writeFileSync(file, module.replace("INPUT0: { datatype: \"INT32\"", "INPUT0: { datatype: \"INT8\""))
        const drifted = yield* command("codegen", url, "--out", file, "--check")
        assert.isFalse(drifted.ok)
        assert.strictEqual(drifted.err.includes("is not up to date with"), true)
        assert.match(drifted.out, /^\w+: input INPUT0 was INT8\[.*\], is INT32\[.*\]\n$/)
      }).pipe(Effect.provide(layerWith()))
    }))

  it.live("leaves out what is not ready, and fails where nothing is", () =>
    Effect.gen(function*() {
      const folder = yield* Child.folder({ "other.ts": "export {}" })
      const index = [{ name: "broken", version: "1", state: "UNAVAILABLE", reason: "Internal: bad" }]
      const { url } = yield* serve({ body: JSON.stringify(index) })
      const { err, ok } = yield* command("codegen", url)
      assert.isFalse(ok)
      assert.strictEqual(
        err,
        `Model 'broken' is left out: Internal: bad\ngalatea codegen: There is no model that is ready in ${url}.\n`
      )
      write(join(folder, "models"))
      const models = join(folder, "models")
      assert.include((yield* command("codegen", models, "--check")).err, "--check needs the module that it checks")
      assert.include(
        (yield* command("codegen", models, "--check", "--out", join(folder, "other.ts"))).err,
        "was not written by 'galatea codegen', or changed since: it has no `export const models =`."
      )
      assert.include(
        (yield* command("codegen", models, "--check", "--out", join(folder, "none.ts"))).err,
        "none.ts' cannot be read"
      )
      assert.include((yield* command("codegen", join(folder, "missing"))).err, "galatea codegen: ")
    }))
})
