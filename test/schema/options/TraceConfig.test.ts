import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { parse } from "../../../src/schema/options/OptionsParser.ts"
import * as TraceConfig from "../../../src/schema/options/TraceConfig.ts"

const parsed = (...words: ReadonlyArray<string>) => Result.getOrThrow(parse(words, {}))
const config = (...words: ReadonlyArray<string>) => Result.getOrThrow(TraceConfig.read(parsed(...words).options))
const failure = (...words: ReadonlyArray<string>) => {
  const result = parse(words, {})
  return Result.isFailure(result) ? result.failure.message : "no failure"
}
const setting = (...settings: ReadonlyArray<string>) => settings.map((one) => `--trace-config=${one}`)

const defaults: TraceConfig.TraceConfig = {
  mode: undefined,
  level: ["OFF"],
  rate: 1000,
  count: -1,
  file: "",
  logFrequency: 0,
  opentelemetry: []
}

describe("the options of tracing", () => {
  it("trace nothing unless they are given", () => {
    assert.deepStrictEqual(config(), defaults)
  })

  it("say what is written into the file", () => {
    const given = setting(
      "level=TIMESTAMPS",
      "level=tensors",
      "rate=6",
      "count=20",
      "triton,file=/tmp/trace.json",
      "triton,log-frequency=2"
    )
    assert.deepStrictEqual(config(...given), {
      mode: "triton",
      level: ["TIMESTAMPS", "TENSORS"],
      rate: 6,
      count: 20,
      file: "/tmp/trace.json",
      logFrequency: 2,
      opentelemetry: []
    })
    assert.deepStrictEqual(parsed(...given).warnings, [])
  })

  it("say that spans are made, and where they go", () => {
    const given = setting(
      "mode=opentelemetry",
      "level=TIMESTAMPS",
      "rate=0",
      "opentelemetry,url=https://collector:4318/v1/traces",
      "opentelemetry,resource=service.name=vision",
      "opentelemetry,resource=a=b,c=d",
      "opentelemetry,bsp_max_queue_size=1"
    )
    assert.deepStrictEqual(config(...given), {
      ...defaults,
      mode: "opentelemetry",
      level: ["TIMESTAMPS"],
      rate: 0,
      opentelemetry: [
        ["url", "https://collector:4318/v1/traces"],
        ["resource", "service.name=vision"],
        ["resource", "a=b,c=d"],
        ["bsp_max_queue_size", "1"]
      ]
    })
    assert.deepStrictEqual(parsed(...given).warnings, [])
  })

  it("know Triton's words for levels, of which OFF wins", () => {
    for (const word of ["on", "TRUE", "min", "MAX", "timestamps"]) {
      assert.deepStrictEqual(config(...setting(`level=${word}`)).level, ["TIMESTAMPS"], word)
    }
    for (const word of ["OFF", "false"]) {
      assert.deepStrictEqual(config(...setting("level=TENSORS", `level=${word}`, "level=on")).level, ["OFF"], word)
    }
  })

  it("have older names, which the newer ones go before", () => {
    const older = [
      "--trace-file=/a",
      "--trace-level=MIN",
      "--trace-level=TENSORS",
      "--trace-rate=2",
      "--trace-count=3",
      "--trace-log-frequency=4"
    ]
    assert.deepStrictEqual(config(...older), {
      mode: "triton",
      level: ["TIMESTAMPS", "TENSORS"],
      rate: 2,
      count: 3,
      file: "/a",
      logFrequency: 4,
      opentelemetry: []
    })
    assert.deepStrictEqual(parsed(...older).warnings, [])
    const both = [...older, ...setting("rate=7", "triton,file=/b", "level=TENSORS")]
    assert.deepStrictEqual(config(...both), { ...config(...older), rate: 7, file: "/b", level: ["TENSORS"] })
    assert.deepStrictEqual(parsed(...both).warnings, [
      "Option '--trace-file' has no effect: --trace-config triton,file takes its place.",
      "Option '--trace-level' has no effect: --trace-config level takes its place.",
      "Option '--trace-rate' has no effect: --trace-config rate takes its place."
    ])
  })

  it("warn of what has no effect", () => {
    assert.deepStrictEqual(
      parsed(...setting("level=on", "rate=0x", "levels=on", "jaeger,file=a", "opentelemetry,url=http://a")).warnings,
      [
        "Option '--trace-config rate': '0x' was read as 0",
        "Option '--trace-config' does not know 'levels', 'jaeger,file'. It knows level rate count mode triton,file " +
        "triton,log-frequency opentelemetry,url opentelemetry,resource opentelemetry,bsp_max_queue_size " +
        "opentelemetry,bsp_schedule_delay opentelemetry,bsp_max_export_batch_size.",
        "Option '--trace-config' has no effect for 'opentelemetry,url': the mode is triton. " +
        "--trace-config mode=opentelemetry changes it.",
        "Nothing is traced: there is no file to write into. Name one with --trace-config triton,file=trace.json, or make " +
        "spans with --trace-config mode=opentelemetry.",
        "Nothing is traced: one request in 0 is none. Set --trace-config rate=1."
      ]
    )
    assert.deepStrictEqual(parsed(...setting("mode=opentelemetry", "triton,log-frequency=1")).warnings, [
      "Option '--trace-config' has no effect for 'triton,log-frequency': the mode is opentelemetry. " +
      "--trace-config mode=triton changes it."
    ])
  })

  it("refuse what cannot be, in these words", () => {
    const refused = (name: string, reason: string) => `Bad option: "--trace-config ${name}".\n${reason}`
    const cases = [
      [
        "TIMESTAMPS",
        "Bad option: \"--trace-config\".\n" +
        "--trace-config option format is '<trace mode>,<setting>=<value>'. Got TIMESTAMPS"
      ],
      [
        ",rate=1",
        "Bad option: \"--trace-config\".\n" +
        "No trace mode specified. --trace-config option format is '<trace mode>,<setting>=<value>'. Got ,rate=1"
      ],
      [
        "level=x",
        refused(
          "level",
          "invalid value for trace level option: x\n" +
            "Expected OFF, TIMESTAMPS or TENSORS; for two levels give the option twice."
        )
      ],
      [
        "mode=jaeger",
        refused(
          "mode",
          "invalid value for trace mode option: jaeger\nExpected triton or opentelemetry."
        )
      ],
      ["rate=x", refused("rate", "Invalid option value. Got x\nExpected a whole number.")],
      [
        "rate=-1",
        refused(
          "rate",
          "Provided option value is out of bound. Got -1\nExpected a whole number from 0 to 2147483647."
        )
      ],
      [
        "count=-2",
        refused(
          "count",
          "Provided option value is out of bound. Got -2\nExpected a whole number from -1 to 2147483647."
        )
      ],
      ["triton,file=", refused("triton,file", "Invalid option value. Got an empty path")],
      [
        "opentelemetry,bsp_max_queue_size=many",
        refused(
          "opentelemetry,bsp_max_queue_size",
          "Invalid option value. Got many\nExpected a whole number."
        )
      ],
      [
        "opentelemetry,url=collector:4318",
        refused(
          "opentelemetry,url",
          "Invalid option value. Got collector:4318\nExpected an address such as http://localhost:4318/v1/traces."
        )
      ],
      [
        "opentelemetry,resource=vision",
        refused(
          "opentelemetry,resource",
          "Invalid option value. Got vision\nExpected an attribute such as service.name=vision."
        )
      ]
    ] as const
    for (const [text, message] of cases) assert.strictEqual(failure(`--trace-config=${text}`), message)
    assert.include(
      failure("--trace-level=x"),
      "Bad option: \"--trace-level\".\ninvalid value for trace level option: x"
    )
  })
})
