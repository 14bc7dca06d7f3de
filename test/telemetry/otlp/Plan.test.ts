import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Plan from "../../../src/layers/telemetry/internal/otlp/Plan.ts"

type Variables = Readonly<Record<string, string>>

const read = (variables: Variables, config?: Plan.TraceConfig): Plan.Plan =>
  Result.getOrThrow(Plan.read(variables, config))

const failure = (variables: Variables, config?: Plan.TraceConfig): string | undefined => {
  const plan = Plan.read(variables, config)
  return Result.isFailure(plan) ? plan.failure : undefined
}

const signals = ({ logs, metrics, traces }: Plan.Plan) => ({
  traces: traces?.otlp?.url.href,
  metrics: metrics?.otlp?.url.href,
  logs: logs?.otlp?.url.href
})

const nothing = { traces: undefined, metrics: undefined, logs: undefined }
const collector = "http://collector:4318"

describe("what is exported", () => {
  it("is nothing where no variable asks for it", () => {
    for (const variables of [{}, { OTEL_SERVICE_NAME: "vision" }, { OTEL_EXPORTER_OTLP_ENDPOINT: " " }]) {
      assert.deepStrictEqual(signals(read(variables)), nothing)
      assert.deepStrictEqual(read(variables).warnings, [])
    }
  })

  it("is every signal where there is an address for all of them", () => {
    assert.deepStrictEqual(signals(read({ OTEL_EXPORTER_OTLP_ENDPOINT: `${collector}/in/` })), {
      traces: `${collector}/in/v1/traces`,
      metrics: `${collector}/in/v1/metrics`,
      logs: `${collector}/in/v1/logs`
    })
  })

  it("is one signal where there is an address for it alone, which is used as it is", () => {
    assert.deepStrictEqual(signals(read({ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `${collector}/in` })), {
      ...nothing,
      logs: `${collector}/in`
    })
  })

  it("is what exporters are named for, at the collector of this machine by default", () => {
    assert.deepStrictEqual(signals(read({ OTEL_TRACES_EXPORTER: "otlp" })), {
      ...nothing,
      traces: "http://localhost:4318/v1/traces"
    })
    assert.deepStrictEqual(signals(read({ OTEL_METRICS_EXPORTER: "otlp", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })), {
      ...nothing,
      metrics: "http://localhost:4317/"
    })
  })

  it("goes to the output, too or only", () => {
    const both = read({ OTEL_TRACES_EXPORTER: "otlp, Console" })
    assert.isTrue(both.traces?.console)
    assert.isDefined(both.traces?.otlp)
    const only = read({ OTEL_LOGS_EXPORTER: "console", OTEL_EXPORTER_OTLP_ENDPOINT: collector })
    assert.isTrue(only.logs?.console)
    assert.isUndefined(only.logs?.otlp)
  })

  it("is nothing of a signal whose exporter is none", () => {
    assert.deepStrictEqual(signals(read({ OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_TRACES_EXPORTER: "none" })), {
      traces: undefined,
      metrics: `${collector}/v1/metrics`,
      logs: `${collector}/v1/logs`
    })
  })

  it("is no metrics where Prometheus is named, which finds them anyway", () => {
    const plan = read({ OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_METRICS_EXPORTER: "prometheus" })
    assert.isUndefined(plan.metrics)
    assert.deepStrictEqual(plan.warnings, [])
  })

  it("is nothing where the SDK is disabled, whatever else is said", () => {
    const variables = { OTEL_SDK_DISABLED: "TRUE", OTEL_EXPORTER_OTLP_ENDPOINT: collector }
    assert.deepStrictEqual(signals(read(variables)), nothing)
    assert.deepStrictEqual(read(variables).warnings, [])
    assert.deepStrictEqual(read(variables, []).warnings, [
      "No spans are exported: OTEL_SDK_DISABLED=true beats --trace-config mode=opentelemetry"
    ])
    assert.isDefined(read({ ...variables, OTEL_SDK_DISABLED: "1" }).traces)
  })
})

describe("--trace-config mode=opentelemetry", () => {
  it("exports traces, and nothing else of its own", () => {
    assert.deepStrictEqual(signals(read({}, [])), { ...nothing, traces: "http://localhost:4318/v1/traces" })
    assert.isDefined(read({ OTEL_TRACES_EXPORTER: "none" }, []).traces)
  })

  it("counts before the variables", () => {
    const plan = read(
      {
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collector,
        OTEL_BSP_MAX_QUEUE_SIZE: "7",
        OTEL_BSP_SCHEDULE_DELAY: "8",
        OTEL_SERVICE_NAME: "vision"
      },
      [
        ["url", "http://other:1/first"],
        ["url", "http://other:1/traces"],
        ["resource", "service.name=sight"],
        ["resource", "zone=a=b"],
        ["bsp_max_queue_size", "100"],
        ["bsp_max_export_batch_size", "10"]
      ]
    )
    assert.strictEqual(plan.traces?.otlp?.url.href, "http://other:1/traces")
    assert.deepStrictEqual(plan.traces?.queue, {
      maxQueueSize: 100,
      scheduleDelayMillis: 8,
      maxExportBatchSize: 10,
      exportTimeoutMillis: 30_000
    })
    assert.strictEqual(plan.resource["service.name"], "sight")
    assert.strictEqual(plan.resource["zone"], "a=b")
  })

  it("fails with a bad number of the batch processor, as Triton does", () => {
    for (const value of ["many", "0", "-1"]) {
      assert.match(
        failure({ OTEL_BSP_SCHEDULE_DELAY: value }, []) ?? "",
        /^Bad option: "OTEL_BSP_SCHEDULE_DELAY"\.\n./
      )
    }
    assert.isUndefined(failure({ OTEL_BSP_SCHEDULE_DELAY: "many" }))
  })
})

describe("settings of a signal", () => {
  const of = (variables: Variables) => read({ OTEL_EXPORTER_OTLP_ENDPOINT: collector, ...variables })

  it("has defaults", () => {
    const { headers, timeoutMillis, compression, protocol } = of({}).traces!.otlp!
    assert.deepStrictEqual({ headers, timeoutMillis, compression, protocol }, {
      headers: [],
      timeoutMillis: 10_000,
      compression: "none",
      protocol: "http/protobuf"
    })
  })

  it("reads the variable of the signal first", () => {
    const plan = of({
      OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
      OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "2000",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
      OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: "none",
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "http/json"
    })
    assert.deepStrictEqual(
      [plan.traces, plan.metrics, plan.logs].map((one) => [
        one?.otlp?.timeoutMillis,
        one?.otlp?.compression,
        one?.otlp?.protocol
      ]),
      [[2000, "gzip", "http/protobuf"], [1000, "gzip", "http/json"], [1000, "none", "http/protobuf"]]
    )
  })

  it("decodes headers, and joins those of all signals with those of one", () => {
    const plan = of({
      OTEL_EXPORTER_OTLP_HEADERS: "Authorization=Bearer%20abc%3D%3D, x-team = red",
      OTEL_EXPORTER_OTLP_LOGS_HEADERS: "x-team=blue"
    })
    assert.deepStrictEqual(plan.traces?.otlp?.headers, [["authorization", "Bearer abc=="], ["x-team", "red"]])
    assert.deepStrictEqual(plan.logs?.otlp?.headers, [["authorization", "Bearer abc=="], ["x-team", "blue"]])
  })

  it("leaves out headers that could not be sent", () => {
    const names = ["connection", "Transfer-Encoding", "content-length", "te", "trailer", "upgrade", "grpc-encoding"]
    const plan = of({
      OTEL_EXPORTER_OTLP_HEADERS: ["x=%E2%82%AC", ...names.map((name) => `${name}=close`), "y=%C3%A9"].join(",")
    })
    assert.deepStrictEqual(plan.traces?.otlp?.headers, [["y", "é"]])
    assert.deepStrictEqual(plan.warnings, [
      "OTEL_EXPORTER_OTLP_HEADERS: 'x' cannot be a header, and is left out",
      ...names.map((name) => `OTEL_EXPORTER_OTLP_HEADERS: '${name}' is for the exporter to set, and is left out`)
    ])
  })

  it("leaves out what cannot be a header, without showing a value", () => {
    const plan = of({ OTEL_EXPORTER_OTLP_HEADERS: "secret,a=s%0Aecret,b b=secret,bad=%E0%A4%A,good=secret" })
    assert.deepStrictEqual(plan.traces?.otlp?.headers, [["good", "secret"]])
    assert.deepStrictEqual(plan.warnings, [
      "OTEL_EXPORTER_OTLP_HEADERS is not all understood: a part without '=', bad. Expected name=value,name=value with special "
      + "characters percent-encoded; the rest is used",
      "OTEL_EXPORTER_OTLP_HEADERS: 'a' cannot be a header, and is left out",
      "OTEL_EXPORTER_OTLP_HEADERS: 'b b' cannot be a header, and is left out"
    ])
  })

  it("takes gRPC's addresses with and without a scheme", () => {
    const url = (variables: Variables) =>
      read({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc", ...variables }).traces?.otlp?.url.href
    assert.strictEqual(url({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4317" }), "http://collector:4317/")
    assert.strictEqual(url({ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317" }), "https://collector:4317/")
    assert.strictEqual(
      url({ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317", OTEL_EXPORTER_OTLP_INSECURE: "true" }),
      "http://collector:4317/"
    )
  })

  it("fails with an address that cannot be one, without showing it", () => {
    assert.strictEqual(
      failure({ OTEL_EXPORTER_OTLP_ENDPOINT: "user:secret@collector" }),
      "OTEL_EXPORTER_OTLP_ENDPOINT: 'user://' is not supported. Expected such as http://localhost:4318"
    )
    assert.strictEqual(
      failure({ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "collector" }),
      "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: the value is no address. Expected such as http://localhost:4318"
    )
  })

  it("warns of certificates where nothing is encrypted", () => {
    assert.deepStrictEqual(
      read({ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: collector, OTEL_EXPORTER_OTLP_CERTIFICATE: "/ca" }).warnings,
      [
        "OTEL_EXPORTER_OTLP_CERTIFICATE has no effect: logs go to an address with http://"
      ]
    )
  })
})

describe("warnings", () => {
  const of = (variables: Variables) => read({ OTEL_EXPORTER_OTLP_ENDPOINT: collector, ...variables }).warnings

  it("name what is not understood, what was expected, and what is used, once", () => {
    assert.deepStrictEqual(
      of({
        OTEL_EXPORTER_OTLP_PROTOCOL: "thrift",
        OTEL_EXPORTER_OTLP_TIMEOUT: "soon",
        OTEL_EXPORTER_OTLP_COMPRESSION: "zstd",
        OTEL_TRACES_EXPORTER: "otlp,zipkin",
        OTEL_TRACES_SAMPLER: "sometimes",
        OTEL_BSP_MAX_QUEUE_SIZE: "0",
        OTEL_SPAN_LINK_COUNT_LIMIT: "-1",
        OTEL_PROPAGATORS: "tracecontext,b3",
        OTEL_METRICS_EXEMPLAR_FILTER: "always_on"
      }),
      [
        "OTEL_TRACES_EXPORTER=zipkin is not understood. Expected otlp, console, otlp/stdout, none; it is left out",
        "OTEL_EXPORTER_OTLP_PROTOCOL=thrift is not understood. Expected http/protobuf, http/json, grpc; http/protobuf is used",
        "OTEL_EXPORTER_OTLP_TIMEOUT=soon is not understood. Expected a whole number from 1 on; 10000 is used",
        "OTEL_EXPORTER_OTLP_COMPRESSION=zstd is not understood. Expected gzip, none; none is used",
        "OTEL_TRACES_SAMPLER=sometimes is not understood. Expected always_on, always_off, traceidratio, parentbased_always_on, "
        + "parentbased_always_off, parentbased_traceidratio; parentbased_always_on is used",
        "OTEL_BSP_MAX_QUEUE_SIZE=0 is not understood. Expected a whole number from 1 on; 2048 is used",
        "OTEL_SPAN_LINK_COUNT_LIMIT=-1 is not understood. Expected a whole number from 0 on; 128 is used",
        "OTEL_PROPAGATORS=b3 is not understood. Expected tracecontext, baggage, none; it is left out",
        "OTEL_METRICS_EXEMPLAR_FILTER=always_on has no effect: only values with a trace have exemplars"
      ]
    )
  })

  it("tell of variables that are misspelt, or mean nothing here", () => {
    assert.deepStrictEqual(of({ OTEL_SERVICE_NAMES: "x", OTEL_CONFIG_FILE: "y", OTEL_GO_X_SOMETHING: "z" }), [
      "OTEL_SERVICE_NAMES is not read. Did you mean OTEL_SERVICE_NAME?",
      "OTEL_CONFIG_FILE has no effect: set the variables instead"
    ])
  })
})

describe("the sampler", () => {
  const of = (sampler: string, argument?: string) =>
    read({
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_TRACES_SAMPLER: sampler,
      ...(argument === undefined ? {} : { OTEL_TRACES_SAMPLER_ARG: argument })
    })

  it("is one of OpenTelemetry's", () => {
    assert.deepStrictEqual(read({ OTEL_TRACES_EXPORTER: "otlp" }).traces?.sampling, { parentBased: true, ratio: 1 })
    assert.deepStrictEqual(of("always_on").traces?.sampling, { parentBased: false, ratio: 1 })
    assert.deepStrictEqual(of("parentbased_always_off").traces?.sampling, { parentBased: true, ratio: 0 })
    assert.deepStrictEqual(of("traceidratio", "0.01").traces?.sampling, { parentBased: false, ratio: 0.01 })
    assert.deepStrictEqual(of("parentbased_traceidratio", "1e-3").traces?.sampling, { parentBased: true, ratio: 0.001 })
  })

  it("makes every trace where its argument cannot be, and says so", () => {
    for (const argument of ["2", "-1", "half", "0x1"]) {
      const plan = of("traceidratio", argument)
      assert.strictEqual(plan.traces?.sampling.ratio, 1)
      assert.deepStrictEqual(plan.warnings, [
        `OTEL_TRACES_SAMPLER_ARG=${argument} is not understood. Expected a number from 0 to 1; 1 is used`
      ])
    }
    assert.match(of("traceidratio").warnings.join(), /every trace is made\. Set it to the share of traces/)
  })
})

describe("bounds", () => {
  it("are those of the variables, the one of spans before the one of all", () => {
    const { logs, traces } = read({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector,
      OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "100",
      OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: "50",
      OTEL_ATTRIBUTE_COUNT_LIMIT: "10",
      OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: "0",
      OTEL_BLRP_MAX_QUEUE_SIZE: "5"
    })
    assert.deepStrictEqual(traces?.limits, {
      attributeValueLengthLimit: 50,
      attributeCountLimit: 10,
      eventCountLimit: 128,
      linkCountLimit: 128,
      attributePerEventCountLimit: 128,
      attributePerLinkCountLimit: 0
    })
    assert.deepStrictEqual(logs?.limits, { attributeValueLengthLimit: 100, attributeCountLimit: 10 })
    assert.deepStrictEqual(logs?.queue, {
      maxQueueSize: 5,
      scheduleDelayMillis: 1000,
      maxExportBatchSize: 5,
      exportTimeoutMillis: 30_000
    })
  })
})

describe("the resource", () => {
  const of = (variables: Variables) => read({ OTEL_TRACES_EXPORTER: "otlp", ...variables }).resource

  it("is called galatea where nothing names it", () => {
    assert.strictEqual(of({})["service.name"], "galatea")
    assert.strictEqual(of({ OTEL_RESOURCE_ATTRIBUTES: "service.name=vision" })["service.name"], "vision")
    assert.strictEqual(
      of({ OTEL_RESOURCE_ATTRIBUTES: "service.name=vision", OTEL_SERVICE_NAME: "sight" })["service.name"],
      "sight"
    )
  })

  it("has attributes that are percent-encoded, and the id of an instance", () => {
    const resource = of({ OTEL_RESOURCE_ATTRIBUTES: "team=a%2Cb,deployment.environment.name=test" })
    assert.strictEqual(resource["team"], "a,b")
    assert.strictEqual(resource["deployment.environment.name"], "test")
    assert.match(String(resource["service.instance.id"]), /^[0-9a-f-]{36}$/)
    assert.strictEqual(of({ OTEL_RESOURCE_ATTRIBUTES: "service.instance.id=one" })["service.instance.id"], "one")
  })
})
