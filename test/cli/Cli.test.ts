import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { HttpFrontend } from "../../src/layers/frontend/HttpFrontend.ts"
import * as Version from "../../src/layers/Version.ts"
import { ListenFailed, ModelsNotLoaded, PollFailed } from "../../src/schema/Errors.ts"
import { table } from "../../src/schema/ServerOptions.ts"
import { model, run, serverOf } from "./Memory.ts"

const usage = (command: string, arguments_: string, message: string) =>
  `Usage: galatea ${arguments_}\nAll options: galatea ${command} --help\n\n${message}\n`

const simple = model({
  name: "simple",
  max_batch_size: 8,
  input: [{ name: "A", data_type: "TYPE_INT32", dims: [2] }],
  output: [{ name: "B", data_type: "TYPE_INT32", dims: [2] }]
})

const listening = (port: number) =>
  Layer.succeed(HttpFrontend, {
    address: "0.0.0.0",
    port,
    secure: false,
    admin: undefined,
    inFlight: () => ({ requests: 0, bytes: 0 })
  })

describe("galatea", () => {
  it.effect("prints its version", () =>
    Effect.gen(function*() {
      for (const words of [["--version"], ["-v"]]) {
        const { exit, out } = yield* run(words)
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(out, `galatea ${Version.current}\n`)
      }
    }))

  it.effect("shows its commands", () =>
    Effect.gen(function*() {
      const { exit, out } = yield* run(["--help"])
      assert.isTrue(Exit.isSuccess(exit))
      for (const command of ["serve", "check", "models", "infer", "explain", "codegen", "options"]) {
        assert.match(out, new RegExp(`^  ${command} `, "m"))
      }
    }))

  it.effect("shows every option in the help of serve, by group", () =>
    Effect.gen(function*() {
      const { out } = yield* run(["serve", "--help"])
      for (const row of table) {
        assert.match(out, new RegExp(`^  --${row.name}[ ,\\n]`, "m"))
      }
      assert.include(out, "\nHTTP\n")
    }))

  it.effect("completes every option", () =>
    Effect.gen(function*() {
      const { out } = yield* run(["--completions=fish"])
      for (const row of table) {
        assert.include(out, row.name)
      }
    }))

  it.effect("refuses a command that it does not know", () =>
    Effect.gen(function*() {
      const { err, exit } = yield* run(["sevre"])
      assert.isTrue(Exit.isFailure(exit))
      assert.include(err, "sevre")
    }))

  for (
    const [words, command, arguments_, message] of [
      [
        ["serve", "--http-port=x"],
        "serve",
        "serve [<path>…] [--<option>=<value>…]",
        "Bad option: \"--http-port\".\nInvalid option value. Got x\nExpected a whole number."
      ],
      [
        ["--tf-add-vgpu=1"],
        "serve",
        "--model-repository=<path> [--<option>=<value>…]",
        "galatea: unrecognized option '--tf-add-vgpu'"
      ],
      [
        ["--model-repository=/m", "extra"],
        "serve",
        "--model-repository=<path> [--<option>=<value>…]",
        "Unexpected argument: extra"
      ],
      [["options", "extra"], "options", "options", "Unexpected argument: extra"],
      [
        ["serve", "--print-config"],
        "serve",
        "serve [<path>…] [--<option>=<value>…]",
        "galatea: unrecognized option '--print-config'"
      ]
    ] as const
  ) {
    it.effect(`prints usage and the error of "${words.join(" ")}" to standard error`, () =>
      Effect.gen(function*() {
        const { err, exit, out } = yield* run(words)
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(err, usage(command, arguments_, message))
        assert.strictEqual(out, "")
      }))
  }
})

describe("galatea serve", () => {
  it.effect("serves the plain words and the repositories of the options", () =>
    Effect.gen(function*() {
      const { started } = yield* run(["serve", "a", "--model-repo", "/b", "c", "--http-p=9000"])
      assert.deepStrictEqual(started?.modelRepository, ["/b", "a", "c"])
      assert.strictEqual(started?.httpPort, 9000)
    }))

  it.effect("is meant when only options are given", () =>
    Effect.gen(function*() {
      const { started } = yield* run(["--model-repository=/m"], { variables: { GALATEA_ID: "mine" } })
      assert.deepStrictEqual(started?.modelRepository, ["/m"])
      assert.strictEqual(started?.id, "mine")
    }))

  it.effect("needs a repository, unless errors shall not end it", () =>
    Effect.gen(function*() {
      const refused = yield* run(["serve"])
      assert.isTrue(Exit.isFailure(refused.exit))
      assert.include(refused.err, "--model-repository must be specified")
      assert.isUndefined(refused.started)
      const accepted = yield* run(["serve", "--exit-on-error=false"])
      assert.isDefined(accepted.started)
    }))

  it.effect("logs each warning once, to standard error", () =>
    Effect.gen(function*() {
      const { err } = yield* run(["serve", "/m", "--http-thread-count=2", "--strict-model-config=0"])
      const lines = err.trimEnd().split("\n")
      assert.strictEqual(lines.length, 2)
      assert.match(
        lines[0]!,
        /^W\d{4} .*\] "Option '--http-thread-count' has no effect: one event loop serves every connection, .*\."$/
      )
      assert.include(lines[1]!, "'--strict-model-config' has been deprecated!")
    }))

  it.effect("tells how loading went, where it listens, and what to type", () =>
    Effect.gen(function*() {
      const { err, out } = yield* run(["serve", "/m"], {
        server: (_, { onEvent }) =>
          Layer.mergeAll(serverOf([simple]), listening(1234)).pipe(
            Layer.tap(() => onEvent({ _tag: "Loading", model: "simple", version: 1 })),
            Layer.tap(() => onEvent({ _tag: "Ready", model: "simple", version: 1, millis: 12.3 })),
            Layer.tap(() => onEvent({ _tag: "Failed", model: "bad", version: 2, reason: "Internal: no\nsecond line" })),
            Layer.tap(() => onEvent({ _tag: "Warning", model: "simple", message: "careful" }))
          )
      })
      assert.match(out, /\] "successfully loaded 'simple' version 1 in 12 ms"\n/)
      assert.match(out, /\] "Started HTTPService at 0\.0\.0\.0:1234"\n/)
      assert.include(out, "| bad    | 2       | UNAVAILABLE | Internal: no … |\n")
      assert.include(out, "| simple | 1       | READY       |                |\n")
      assert.include(out, "\nbad version 2:\n  Internal: no\n  second line\n")
      assert.include(out, "\nListening for HTTP at http://localhost:1234 (0.0.0.0:1234)\n")
      assert.include(out, "  curl -i 'http://localhost:1234/v2/health/ready'\n")
      assert.include(out, "  curl -s 'http://localhost:1234/v2/models/simple'\n")
      assert.include(err, "failed to load 'bad' version 2: Internal: no\\nsecond line")
      assert.include(err, "model 'simple': careful")
      assert.notInclude(out + err, "\x1b")
    }))

  it.effect("shows control characters in names of models, in the table and in the log", () =>
    Effect.gen(function*() {
      const name = "odd\n\x1b[2J\u202e"
      const { out } = yield* run(["serve", "/m"], {
        server: (_, { onEvent }) =>
          Layer.mergeAll(serverOf([]), listening(1234)).pipe(
            Layer.tap(() => onEvent({ _tag: "Ready", model: name, version: 1, millis: 1 })),
            Layer.tap(() => onEvent({ _tag: "Failed", model: name, version: 2, reason: "no\nmore" }))
          )
      })
      const shown = "odd\\n\\u001b[2J\\u202e"
      assert.include(out, `"successfully loaded '${shown}' version 1 in 1 ms"\n`)
      assert.include(out, `| ${shown} | 1       |`)
      assert.include(out, `\n${shown} version 2:\n`)
      assert.notInclude(out, "\x1b")
    }))

  it.effect("says nothing of level info when that is switched off", () =>
    Effect.gen(function*() {
      const { out } = yield* run(["serve", "/m", "--log-info=0"], {
        // The greeting, which ends the other tests, is not printed.
        server: () => Layer.effectDiscard(Effect.interrupt).pipe(Layer.provideMerge(serverOf([simple])))
      })
      assert.strictEqual(out, "")
    }))

  for (
    const [name, failure, text] of [
      [
        "models that failed",
        new ModelsNotLoaded({ failures: [] }),
        "error: creating server: Internal - failed to load all models\n" +
        "To serve the models that load in spite of that: --exit-on-error=false\n"
      ],
      [
        "a repository that cannot be read",
        new PollFailed({ code: "INVALID_ARG", message: "no such folder" }),
        "error: creating server: Invalid argument - no such folder\n"
      ],
      [
        "a port in use",
        new ListenFailed({
          code: "UNAVAILABLE",
          message: "failed to start HTTP service: Unavailable - Socket '0.0.0.0:8000' already in use"
        }),
        "error: failed to start HTTP service: Unavailable - Socket '0.0.0.0:8000' already in use\n" +
        "Choose another port with --http-port, --grpc-port, --metrics-port or --admin-port, or address with --http-address, " +
        "--grpc-address, --metrics-address or --admin-address.\n"
      ]
    ] as const
  ) {
    it.effect(`fails in a sentence because of ${name}`, () =>
      Effect.gen(function*() {
        const { err, exit } = yield* run(["serve", "/m"], {
          server: () => Layer.effectDiscard(Effect.fail(failure)).pipe(Layer.provideMerge(serverOf([])))
        })
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(err, text)
      }))
  }

  it.effect("refuses a log file that cannot be written", () =>
    Effect.gen(function*() {
      const { err, exit } = yield* run(["serve", "/m", "--log-file=/nowhere/at/all.txt"])
      assert.isTrue(Exit.isFailure(exit))
      assert.match(err, /^Bad option: "--log-file"\.\ncannot write to '\/nowhere\/at\/all\.txt': ENOENT/)
    }))
})

describe("galatea check", () => {
  const good = {
    model: "a",
    version: 1,
    status: "READY",
    reason: undefined,
    config: simple.config,
    warnings: ["mind this"]
  } as const
  const bad = {
    model: "b",
    version: undefined,
    status: "UNAVAILABLE",
    reason: "Internal: line 1\n  ^\n",
    config: undefined,
    warnings: []
  } as const

  it.effect("prints a table, and succeeds when every model can be served", () =>
    Effect.gen(function*() {
      const { exit, out } = yield* run(["check", "/m"], { check: () => Effect.succeed([good]) })
      assert.isTrue(Exit.isSuccess(exit))
      assert.include(out, "| a     | 1       | OK     |        |\n")
      assert.include(out, "warning a version 1:\n  mind this\n")
      assert.include(out, "1 of 1 can be served.\n")
    }))

  it.effect("prints the whole of an error, and fails without another word", () =>
    Effect.gen(function*() {
      const { err, exit, out } = yield* run(["check", "/m"], { check: () => Effect.succeed([good, bad]) })
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(err, "")
      assert.include(out, "| b     | -       | FAILED | Internal: line 1 |\n")
      assert.include(out, "error b:\n  Internal: line 1\n    ^\n")
      assert.include(out, "1 of 2 can be served, 1 failed.\n")
    }))

  it.effect("shows control characters in names and reasons", () =>
    Effect.gen(function*() {
      const odd = { ...bad, model: "b\n\x1b[2J", reason: "bad \x1b]0;title\x07\u202e\nmore\x9b" }
      const { out } = yield* run(["check", "/m"], { check: () => Effect.succeed([odd]) })
      assert.include(out, "| b\\n\\u001b[2J | -       | FAILED | bad \\u001b]0;title\\u0007\\u202e |\n")
      assert.include(out, "error b\\n\\u001b[2J:\n  bad \\u001b]0;title\\u0007\\u202e\n  more\\u009b\n")
    }))

  it.effect("prints final configs when asked to", () =>
    Effect.gen(function*() {
      const { out } = yield* run(["check", "/m", "--print-config"], { check: () => Effect.succeed([good]) })
      assert.include(out, "# a version 1\nname: \"simple\"\nmax_batch_size: 8\n")
      const without = yield* run(["check", "/m"], { check: () => Effect.succeed([good]) })
      assert.notInclude(without.out, "max_batch_size")
    }))

  it.effect("fails when there is nothing to check", () =>
    Effect.gen(function*() {
      for (const words of [["check"], ["check", "/m"]]) {
        const { err, exit } = yield* run(words)
        assert.isTrue(Exit.isFailure(exit))
        assert.include(err, "galatea check: no models")
      }
    }))

  it.effect("fails in a sentence when a repository cannot be read", () =>
    Effect.gen(function*() {
      const { err } = yield* run(["check", "/m"], {
        check: () => Effect.fail(new PollFailed({ code: "INTERNAL", message: "cannot list" }))
      })
      assert.strictEqual(err, "galatea check: Internal: cannot list\n")
    }))
})
