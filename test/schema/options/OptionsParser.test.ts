import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { environmentName, fieldName } from "../../../src/schema/options/OptionRow.ts"
import { parse } from "../../../src/schema/options/OptionsParser.ts"
import { defaults, type OptionName, type ServerOptions, table } from "../../../src/schema/ServerOptions.ts"
import { cases, type OptionCase, ownCases } from "./OptionCases.ts"

const read = (words: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}) => {
  const result = parse(words, environment)
  if (Result.isFailure(result)) {
    return assert.fail(result.failure.message)
  }
  return result.success
}

const failure = (words: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}): string => {
  const result = parse(words, environment)
  return Result.isFailure(result) ? result.failure.message : assert.fail(`accepted ${words.join(" ")}`)
}

const value = (options: ServerOptions, name: OptionName): unknown =>
  (options as unknown as Record<string, unknown>)[fieldName(name)]

const deprecation =
  "Warning: '--strict-model-config' has been deprecated! Please use '--disable-auto-complete-config' instead."

const assertWarnings = (one: OptionCase, spelled: string, warnings: ReadonlyArray<string>) => {
  if (one.name === "strict-model-config") {
    assert.deepStrictEqual(warnings, [deprecation])
  } else if (one.outcome === "effect") {
    assert.deepStrictEqual(warnings, [])
  } else {
    assert.strictEqual(warnings.length, 1)
    const words = one.outcome === "pending" ? "has no effect yet: " : "has no effect: "
    assert.isTrue(warnings[0]!.startsWith(`Option '${spelled}' ${words}`), warnings[0])
  }
}

describe("the table", () => {
  it("has a case for every option, and every case is in the table", () => {
    const tested = [...cases, ...ownCases].map(({ name }) => name).toSorted()
    assert.deepStrictEqual(tested, table.map(({ name }) => name).toSorted())
  })

  it("knows which options are Triton's", () => {
    assert.deepStrictEqual(
      table.filter(({ triton }) => !triton).map(({ name }) => name).toSorted(),
      ownCases.map(({ name }) => name).toSorted()
    )
  })

  it("has Triton's defaults", () => {
    assert.deepStrictEqual(read([]).options, defaults)
    assert.deepStrictEqual(read([]).warnings, [])
    assert.strictEqual(defaults.httpPort, 8000)
    assert.strictEqual(defaults.httpMaxInputSize, 67108864)
    assert.strictEqual(defaults.exitTimeoutSecs, 30)
    assert.strictEqual(defaults.id, "triton")
    assert.strictEqual(defaults.modelLoadThreadCount, 4)
    assert.isTrue(defaults.exitOnError)
    assert.isTrue(defaults.strictReadiness)
    assert.isFalse(defaults.allowClientShm)
  })
})

for (const one of [...cases, ...ownCases]) {
  describe(`--${one.name}`, () => {
    const forms = one.text === undefined
      ? [[`--${one.name}`]]
      : [[`--${one.name}=${one.text}`], [`--${one.name}`, one.text]]

    if (one.outcome === "refused") {
      it("is refused", () => {
        for (const words of forms) {
          assert.include(failure(words), one.name)
        }
        assert.include(failure([], { [environmentName(one.name)]: one.text! }), one.name)
      })
      return
    }

    it("is read from the command line", () => {
      for (const words of forms) {
        const { options, warnings } = read(words)
        assert.deepStrictEqual(value(options, one.name), one.value)
        assertWarnings(one, `--${one.name}`, warnings)
      }
    })

    it("is read from the environment", () => {
      const variable = environmentName(one.name)
      const { options, warnings } = read([], { [variable]: one.text ?? "true" })
      assert.deepStrictEqual(value(options, one.name), one.value)
      assertWarnings(one, variable, warnings)
    })

    it("is taken from the command line where both give it", () => {
      const { options, warnings } = read(forms[0]!, { [environmentName(one.name)]: one.text ?? "false" })
      assert.deepStrictEqual(value(options, one.name), one.value)
      assertWarnings(one, `--${one.name}`, warnings)
    })
  })
}

describe("words", () => {
  it("may stand for an option by an unambiguous beginning", () => {
    assert.strictEqual(read(["--http-po=1"]).options.httpPort, 1)
    assert.deepStrictEqual(read(["--model-st", "/a", "--model-rep=/b"]).options.modelRepository, ["/a", "/b"])
  })

  it("are ambiguous when two options begin so", () => {
    assert.strictEqual(
      failure(["--grpc-use=1"]),
      "galatea: option '--grpc-use' is ambiguous; possibilities: '--grpc-use-ssl' '--grpc-use-ssl-mutual'"
    )
  })

  it("mean the option of exactly that name, although another begins so", () => {
    assert.isTrue(read(["--grpc-use-ssl=1", "--grpc-server-c=c", "--grpc-server-k=k"]).options.grpcUseSsl)
  })

  it("that are no options are operands, wherever they stand", () => {
    assert.deepStrictEqual(read(["a", "--id", "x", "b", "--", "--id", "-"]).operands, ["a", "b", "--id", "-"])
  })

  it("that only look like options are values", () => {
    assert.strictEqual(read(["--id", "--zzz"]).options.id, "--zzz")
    assert.strictEqual(read(["--id", "--"]).options.id, "--")
    assert.strictEqual(read(["--id=--http-port"]).options.id, "--http-port")
  })

  it("of repeated options add up, and the last of others counts", () => {
    const { options } = read(["--model-repository=/b", "--id=1", "--model-repository=/a", "--id=2"])
    assert.deepStrictEqual(options.modelRepository, ["/b", "/a"])
    assert.strictEqual(options.id, "2")
  })

  for (
    const [words, message] of [
      [["--htp-port=1"], "galatea: unrecognized option '--htp-port'\nDid you mean '--http-port'?"],
      [["--zzzzzzzzzz"], "galatea: unrecognized option '--zzzzzzzzzz'"],
      [["--exit-on-error"], "galatea: option '--exit-on-error' requires an argument"],
      ...["--http-port=80", "--http-port", "--http", "--help"].map((next) =>
        [
          ["--console", next, "80"],
          `galatea: option '--console' requires an argument, and '${next}' is an option of its own\n`
          + `If it is the value: --console=${next}`
        ] as const
      ),
      [
        ["--disable-auto-complete-config=true"],
        "galatea: option '--disable-auto-complete-config' doesn't allow an argument"
      ],
      [["-x"], "galatea: invalid option -- 'x'"],
      [["-http-port=1"], "galatea: invalid option -- 'h'\nDid you mean '--http-port'?"],
      [["--exit-on-error=maybe"], "Bad option: \"--exit-on-error\".\ninvalid value for bool option: maybe"],
      [["--http-port=x"], "Bad option: \"--http-port\".\nInvalid option value. Got x\nExpected a whole number."],
      [
        ["--http-port=65536"],
        "Bad option: \"--http-port\".\nProvided option value is out of bound. Got 65536\n" +
        "Expected a whole number from 0 to 65535."
      ],
      [
        ["--exit-timeout-secs=99999999999999999999"],
        "Bad option: \"--exit-timeout-secs\".\nProvided option value is out of bound. Got 99999999999999999999\n" +
        "Expected a whole number from 0 to 2147483647."
      ],
      ...["2G", "-1", "1.5", "99999999999999999999"].map((text): readonly [ReadonlyArray<string>, string] => [
        [`--model-residency-budget=${text}`],
        `Bad option: "--model-residency-budget".\nInvalid option value. Got ${text}\n` +
        "Expected a whole number of bytes without a unit, such as 2147483648 for 2 GiB."
      ]),
      [["--model-control-mode=x"], "Bad option: \"--model-control-mode\".\ninvalid argument for --model-control-mode"],
      [["--model-config-name="], "Bad option: \"--model-config-name\".\nError: empty argument for --model-config-name"],
      [
        ["--http-max-input-size=0"],
        "Bad option: \"--http-max-input-size\".\nError: --http-max-input-size must be greater than 0."
      ],
      [
        ["--load-model=simple"],
        "Error: Use of '--load-model' requires setting '--model-control-mode=explicit' as well."
      ],
      [["--rate-limit=on"], "Bad option: \"--rate-limit\".\ninvalid argument for --rate-limit"],
      ...["R", "R:", "R:x", "R:1:x", ":1", "R:-1", "R:1:2:3"].map((text): readonly [Array<string>, string] => [
        [`--rate-limit-resource=${text}`],
        "Bad option: \"--rate-limit-resource\".\n--rate-limit-resource option format is " +
        `'<resource_name>:<count>:<device>' or '<resource_name>:<count>'. Got ${text}`
      ]),
      [
        ["--load-model=simple", "--model-control-mode=poll"],
        "Error: Use of '--load-model' requires setting '--model-control-mode=explicit' as well."
      ],
      [
        ["--model-control-mode=explicit", "--load-model=*", "--load-model=a"],
        "Error: Wildcard model name '*' must be the ONLY startup model if specified at all."
      ],
      [
        ["--backend-config=abc"],
        "Bad option: \"--backend-config\".\n" +
        "--backend-config option format is '<backend name>,<setting>=<value>'. Got abc"
      ],
      [
        ["--backend-config=,a=b"],
        "Bad option: \"--backend-config\".\nNo backend specified. --backend-config option format is " +
        "<backend name>,<setting>=<value> or <setting>=<value>. Got ,a=b"
      ],
      [
        ["--cache-config=local,size=1", "--cache-config=redis,host=x"],
        "Bad option: \"--cache-config\".\n" +
        "found multiple cache configurations, but only a single cache is currently supported"
      ],
      [
        ["--cache-config=local,size=1", "--response-cache-byte-size=1"],
        "Error: Incompatible flags --response-cache-byte-size and --cache-config both provided. " +
        "Please provide one or the other."
      ],
      [
        ["--model-load-gpu-limit=-1:0.5"],
        "Bad option: \"--model-load-gpu-limit\".\nexpects device ID >= 0, got -1"
      ],
      [
        ["--model-load-gpu-limit=0:1.5"],
        "Bad option: \"--model-load-gpu-limit\".\nexpects limit fraction to be in range [0.0, 1.0], got 1.5"
      ],
      [
        ["--http-port=8001", "--grpc-port=8001"],
        "The server cannot listen to HTTP requests and GRPC requests at the same address and port 0.0.0.0:8001"
      ],
      [
        ["--http-port=8001"],
        "The server cannot listen to HTTP requests and GRPC requests at the same address and port 0.0.0.0:8001"
      ],
      [
        ["--grpc-use-ssl=true"],
        "Error: --grpc-use-ssl needs --grpc-server-cert and --grpc-server-key as well."
      ],
      [
        ["--grpc-use-ssl-mutual=true", "--grpc-server-cert=c", "--grpc-server-key=k"],
        "Error: --grpc-use-ssl-mutual needs --grpc-root-cert as well."
      ],
      [
        ["--metrics-port=8000"],
        "The server cannot listen to HTTP requests and metrics requests at the same address and port 0.0.0.0:8000"
      ],
      [
        ["--http-port=8002"],
        "The server cannot listen to HTTP requests and metrics requests at the same address and port 0.0.0.0:8002"
      ],
      [
        ["--metrics-config=summary"],
        "Bad option: \"--metrics-config\".\n--metrics-config option format is <setting>=<value>. Got summary"
      ],
      [
        ["--metrics-config==true"],
        "Bad option: \"--metrics-config\".\n--metrics-config option format is <setting>=<value>. Got =true"
      ],
      [
        ["--metrics-config=summary_latencies=maybe"],
        "Bad option: \"--metrics-config\".\ninvalid value for bool option: maybe\nsummary_latencies is true or false."
      ],
      [
        ["--http-restricted-api=helth:a=b"],
        "Bad option: \"--http-restricted-api\".\nUnknown API 'helth'. Got helth:…\nExpected some of health, metadata, " +
        "inference, shared-memory, model-config, model-repository, statistics, trace, logging."
      ],
      [
        ["--http-restricted-api=health:a=b", "--http-restricted-api=trace,health:c=d"],
        "Bad option: \"--http-restricted-api\".\nAPI 'health' is restricted twice. Name each API in one group only."
      ]
    ] as const
  ) {
    it(`"${words.join(" ")}" are refused in these words`, () => {
      assert.strictEqual(failure(words), message)
    })
  }

  for (
    const name of [
      "api-version",
      "http-health-port",
      "allow-poll-model-repository",
      "allow-model-control",
      "tf-allow-soft-placement",
      "tf-gpu-memory-fraction",
      "tf-add-vgpu"
    ]
  ) {
    it(`"--${name}", which Triton had in 2019, are not known`, () => {
      assert.strictEqual(failure([`--${name}=1`]).split("\n")[0], `galatea: unrecognized option '--${name}'`)
    })
  }

  it("name models to load at start-up where models are loaded on demand", () => {
    const { options, warnings } = read(["--model-control-mode=EXPLICIT", "--load-model=a", "--load-model=b"])
    assert.deepStrictEqual([options.modelControlMode, options.loadModel], ["explicit", ["a", "b"]])
    assert.deepStrictEqual(warnings, [])
    assert.deepStrictEqual(read(["--model-control-mode=explicit", "--load-model=*"]).options.loadModel, ["*"])
    assert.strictEqual(read(["--model-control-mode=poll"]).options.modelControlMode, "poll")
  })

  it("that give a number with something behind it are read up to there, with one warning", () => {
    const { options, warnings } = read(["--http-port= +80k"])
    assert.strictEqual(options.httpPort, 80)
    assert.deepStrictEqual(warnings, ["Option '--http-port': ' +80k' was read as 80"])
  })

  it("that turn off what is not there get no warning", () => {
    const off = ["--allow-grpc=false", "--allow-metrics=0", "--rate-limit=off", "--allow-client-shm=false"]
    assert.deepStrictEqual(read(off).warnings, [])
  })

  it("let ports of endpoints that are turned off be taken by others", () => {
    assert.strictEqual(read(["--http-port=8002", "--allow-metrics=false"]).options.httpPort, 8002)
    assert.strictEqual(read(["--http-port=8002", "--metrics-address=127.0.0.1"]).options.httpPort, 8002)
    assert.strictEqual(read(["--http-port=8001", "--allow-grpc=false"]).options.httpPort, 8001)
  })

  it("ask for no files of TLS where gRPC is turned off", () => {
    assert.isTrue(read(["--grpc-use-ssl=true", "--allow-grpc=false"]).options.grpcUseSsl)
  })

  it("name the settings of metrics that are passed over", () => {
    const given = ["--metrics-config=summary_quantiles=0.5:0.1,0.9,2:0", "--metrics-config=no,such=1"]
    assert.deepStrictEqual(read(given).warnings, [
      "Option '--metrics-config' does not know 'no,such', and skips an item: Invalid option: [0.9]. No ':' delimiter " +
      "found. Expected format is <quantile>:<error>; Invalid option: [2:0]. Both sides of the ':' must be numbers from " +
      "0 to 1"
    ])
  })

  it("name the settings of backends that are not used", () => {
    const { warnings } = read([
      "--backend-config=onnxruntime,enable-global-threadpool=1",
      "--backend-config=python,a=b"
    ])
    assert.strictEqual(warnings.length, 1)
    assert.include(warnings[0]!, "'onnxruntime,enable-global-threadpool', 'python,a'")
  })

  it("that give both names of the strict mode are told which one counts", () => {
    const { options, warnings } = read(["--strict-model-config=false", "--disable-auto-complete-config"])
    assert.isTrue(options.disableAutoCompleteConfig)
    assert.deepStrictEqual(warnings, [
      deprecation,
      "Warning: Overriding deprecated '--strict-model-config' from False to True in favor of '--disable-auto-complete-config'!"
    ])
  })

  it("are read as bools in any case, and as nothing else", () => {
    const truth = new Map([["true", true], ["on", true], ["1", true], ["false", false], ["off", false], ["0", false]])
    fc.assert(fc.property(
      fc.oneof(fc.mixedCase(fc.constantFrom(...truth.keys())), fc.string()),
      (text) => {
        const result = parse([`--strict-readiness=${text}`], {})
        const expected = truth.get(text.toLowerCase())
        assert.strictEqual(Result.isSuccess(result) ? result.success.options.strictReadiness : undefined, expected)
      }
    ))
  })

  it("never make the parser throw", () => {
    const word = fc.oneof(
      fc.string(),
      fc.tuple(fc.constantFrom(...table.map(({ name }) => name)), fc.string()).map(([name, text]) =>
        `--${name}=${text}`
      )
    )
    fc.assert(fc.property(fc.array(word), (words) => {
      parse(words, {})
    }))
  })
})

describe("environment variables", () => {
  it("hold one value per line for repeatable options", () => {
    const { options } = read([], {
      GALATEA_HTTP_RESTRICTED_API: "health,trace:a=b\nlogging:c=d\n",
      GALATEA_MODEL_REPOSITORY: "/with,comma\n/other\n"
    })
    assert.strictEqual(options.httpRestrictedApi.length, 2)
    assert.deepStrictEqual(options.modelRepository, ["/with,comma", "/other"])
  })

  it("hold paths with commas in between on one line", () => {
    assert.deepStrictEqual(read([], { GALATEA_MODEL_REPOSITORY: "/a, /b" }).options.modelRepository, ["/a", "/b"])
  })

  it("count as not set when they are empty", () => {
    assert.strictEqual(read([], { GALATEA_HTTP_PORT: "" }).options.httpPort, 8000)
  })

  it("may use the other name of an option", () => {
    assert.deepStrictEqual(read([], { GALATEA_MODEL_STORE: "/a" }).options.modelRepository, ["/a"])
  })

  it("set a switch with a bool", () => {
    const strict = (text: string) =>
      read([], { GALATEA_DISABLE_AUTO_COMPLETE_CONFIG: text }).options.disableAutoCompleteConfig
    assert.isTrue(strict("on"))
    assert.isFalse(strict("off"))
  })

  it("are named in errors", () => {
    assert.strictEqual(
      failure([], { GALATEA_HTTP_PORT: "x" }),
      "Bad option: \"GALATEA_HTTP_PORT\".\nInvalid option value. Got x\nExpected a whole number."
    )
  })

  it("that Kubernetes sets for a service of that name are ignored with a warning", () => {
    const { options, warnings } = read([], { GALATEA_HTTP_PORT: "tcp://10.0.0.1:8000" })
    assert.strictEqual(options.httpPort, 8000)
    assert.strictEqual(warnings.length, 1)
    assert.include(warnings[0]!, "Kubernetes")
  })

  it("that are nearly an option's get a warning", () => {
    assert.deepStrictEqual(read([], { GALATEA_HTTP_PROT: "1", GALATEA_HOME: "/x", HTTP_PORT: "2" }).warnings, [
      "GALATEA_HTTP_PROT is not an option. Did you mean GALATEA_HTTP_PORT?"
    ])
  })
})
