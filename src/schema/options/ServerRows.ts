/** Options of the server as a whole, its repositories and its logging. Source: model-config §7.2. */
import { type LogFormat, logFormats, type RequestLogs, requestLogs } from "../LogSetting.ts"
import { repeated, single } from "./OptionRow.ts"
import { bool, choice, flag, int, level, maxInt32, path, string } from "./ValueTypes.ts"

const group = "Server and repository"

/** @category models */
export const serverRows = [
  single({
    name: "id",
    type: string,
    default: "triton",
    group,
    doc: "Name of the server in its metadata."
  }),
  repeated({
    name: "model-repository",
    aliases: ["model-store"],
    type: path,
    environmentSeparator: ",",
    group,
    doc:
      "Folder that holds one folder per model, or the address of one: s3://, http://, https://. At least one is needed, here or as a plain argument."
  }),
  single({
    name: "exit-on-error",
    type: bool,
    default: true,
    group,
    doc:
      "Exit with 1 when a model cannot be loaded at start-up. With false the server starts, and such models are UNAVAILABLE."
  }),
  single({
    name: "disable-auto-complete-config",
    type: flag,
    default: false,
    group,
    doc: "Every model must have a complete config.pbtxt: nothing is derived from the model file."
  }),
  single({
    name: "strict-model-config",
    type: bool,
    default: false,
    group,
    doc: "Deprecated name of --disable-auto-complete-config."
  }),
  single({
    name: "strict-readiness",
    type: bool,
    default: true,
    group,
    doc: "The server is ready only while every model is. With false it is ready whenever it takes requests."
  }),
  single({
    name: "model-control-mode",
    type: choice(["none", "poll", "explicit"], "invalid argument for --model-control-mode"),
    default: "none" as "none" | "poll" | "explicit",
    group,
    doc:
      "When models are loaded. none: all at start-up, later changes of the repositories are not looked at. poll: the same, and changes are taken up. explicit: those of --load-model at start-up, then on demand."
  }),
  single({
    name: "repository-poll-secs",
    type: int({ min: 0 }),
    default: 15,
    unit: "seconds",
    group,
    doc: "How often the repositories are looked at for changes in control mode poll; 0: never after start-up."
  }),
  single({
    name: "repository-settle-ms",
    type: int({ min: 0, max: 3_600_000 }),
    default: 1000,
    triton: false,
    unit: "milliseconds",
    group,
    doc: "How long a change must stand still before it is taken up in control mode poll."
  }),
  single({
    name: "max-overridden-models",
    type: int({ min: 0 }),
    default: 100,
    triton: false,
    unit: "models",
    group,
    doc: "How many models may be served from files that came with a load call."
  }),
  single({
    name: "custom-models",
    type: choice(["none", "local", "all"], "invalid argument for --custom-models"),
    default: "local" as "none" | "local" | "all",
    triton: false,
    group,
    doc:
      "Which custom models may run: their code has the rights of the server. none; local: those in folders on this machine; all: also what comes from other machines and with load calls."
  }),
  repeated({
    name: "load-model",
    type: string,
    environmentSeparator: ",",
    group,
    doc: "Model to load at start-up in control mode explicit, * for all. An error in other modes."
  }),
  single({
    name: "model-config-name",
    type: string,
    default: "",
    group,
    doc: "Read configs/NAME.pbtxt of a model instead of its config.pbtxt where that file exists.",
    refuse: (name) => name === "" ? "Error: empty argument for --model-config-name" : undefined
  }),
  single({
    name: "model-load-thread-count",
    type: int({ min: 1, max: 1024 }),
    default: 4,
    group,
    doc: "How many models may load at the same time."
  }),
  single({
    name: "model-load-retry-count",
    type: int({ min: 0 }),
    default: 0,
    group,
    doc: "How often a version that failed to load is tried again before it counts as failed."
  }),
  single({
    name: "model-namespacing",
    type: bool,
    default: false,
    group,
    doc: "Let models of the same name live in different repositories."
  }),
  single({
    name: "enable-peer-access",
    type: bool,
    default: true,
    group,
    doc: "Copies between GPUs without the host.",
    ignored: "ONNX Runtime decides by itself how it copies between devices."
  })
] as const

/** @category models */
export const loggingRows = [
  single({
    name: "log-verbose",
    type: level,
    default: 0,
    group: "Logging",
    doc: "Level of verbose messages: 0 none, 1 debug, 2 and above everything."
  }),
  single({
    name: "log-info",
    type: bool,
    default: true,
    group: "Logging",
    doc: "Write messages of level info, progress and the summary of models included."
  }),
  single({ name: "log-warning", type: bool, default: true, group: "Logging", doc: "Write messages of level warning." }),
  single({ name: "log-error", type: bool, default: true, group: "Logging", doc: "Write messages of level error." }),
  single({
    name: "log-format",
    type: choice(logFormats),
    default: "default" as LogFormat,
    group: "Logging",
    doc:
      "Form of a line. default and ISO8601 are Triton's, whose heads are LMMDD hh:mm:ss.uuuuuu and YYYY-MM-DDThh:mm:ssZ L; json is one object a line; pretty is for people, with colours on a terminal. All times are UTC."
  }),
  single({
    name: "log-file",
    type: path,
    default: "",
    defaultText: "console",
    group: "Logging",
    doc:
      "Append messages to this file, and begin a new one where it was moved away or removed. Without it info goes to standard output, warnings and errors to standard error."
  }),
  single({
    name: "log-requests",
    type: choice(requestLogs),
    default: "off" as RequestLogs,
    triton: false,
    group: "Logging",
    doc:
      "Write a line for each request for inference, or for each that fails: protocol, model, version, id, trace, rows of its batch, times, and how it ended."
  }),
  single({
    name: "log-buffer-bytes",
    type: int({ min: 65536 }),
    default: 8388608,
    triton: false,
    unit: "bytes",
    group: "Logging",
    doc:
      "How much of the log may wait until it is written. Lines that have no room are lost, and the log says how many: requests do not wait for it."
  }),
  single({
    name: "log-max-message-length",
    type: int({ min: 256 }),
    default: 16384,
    triton: false,
    unit: "characters",
    group: "Logging",
    doc: "Longest message, and longest annotation, of a line. What is longer is cut, and says so."
  })
] as const

/** Bounds of the execution of requests; this server's own. @category models */
export const executionRows = [
  single({
    name: "max-queue-size",
    type: int({ min: 1 }),
    default: 16384,
    triton: false,
    unit: "requests",
    group: "Execution",
    doc: "How many requests may wait for one version of a model. The next one is refused with 503 at once."
  }),
  single({
    name: "sequence-max-backlog",
    type: int({ min: 1 }),
    default: 16384,
    triton: false,
    unit: "requests",
    group: "Execution",
    doc:
      "How many requests of sequences may wait for one version of a model because no slot is free for their sequence. The next one is refused with 503 at once. The parameter galatea.sequence.max_backlog of a model counts before it."
  }),
  single({
    name: "sequence-drain-ms",
    type: int({ min: 0, max: 3_600_000 }),
    default: 10_000,
    triton: false,
    unit: "milliseconds",
    group: "Execution",
    doc:
      "How long the sequences of a version that has been replaced may go on until they end by themselves. What they have sent is answered in any case."
  }),
  single({
    name: "split-oversized-batches",
    type: bool,
    default: false,
    triton: false,
    group: "Execution",
    doc:
      "Split a request of more rows than max_batch_size, run the parts like requests of their own, and join their answers; " +
      "otherwise it is refused."
  }),
  single({
    name: "tensor-memory-idle-bytes",
    type: int({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    default: 268435456,
    triton: false,
    unit: "bytes",
    group: "Execution",
    doc: "How much shared memory is kept for the tensors of later requests while none uses it."
  }),
  single({
    name: "model-isolation",
    type: choice(["auto", "inline", "thread", "process"]),
    default: "auto" as "auto" | "inline" | "thread" | "process",
    triton: false,
    group: "Execution",
    doc:
      "Where instances run and model files are looked at: in threads of the server, which are quicker, or in processes of their own, " +
      "whose end is not that of the server. inline: on the main thread, for models whose runs are shorter than the way to a thread; " +
      "auto: there if it was measured to be so when the model was loaded, otherwise in threads. The parameter galatea.isolation of a " +
      "model's config goes before it."
  }),
  single({
    name: "inline-max-run-microseconds",
    type: int({ min: 1, max: 1_000_000 }),
    default: 50,
    triton: false,
    unit: "microseconds",
    group: "Execution",
    doc:
      "How long a run of the largest batch may take, measured when a model is loaded, with which --model-isolation=auto has the model on " +
      "the main thread."
  }),
  single({
    name: "inline-max-open-ms",
    type: int({ min: 1, max: 60_000 }),
    default: 20,
    triton: false,
    unit: "milliseconds",
    group: "Execution",
    doc: "How long opening a model may take, measured when it is loaded, with which it is opened on the main thread."
  }),
  single({
    name: "inline-turn-microseconds",
    type: int({ min: 1, max: 1_000_000 }),
    default: 1000,
    triton: false,
    unit: "microseconds",
    group: "Execution",
    doc:
      "How long runs on the main thread may follow each other before everything else has its turn; also how long a run may take of a model " +
      "that asks for inline, and from when on a run counts as slow."
  }),
  single({
    name: "stay-awake-microseconds",
    type: int({ min: 0, max: 1_000_000 }),
    default: 50,
    triton: false,
    unit: "microseconds",
    group: "Execution",
    doc:
      "How long a thread that has answered over HTTP or gRPC stays awake for the next request, on more than one processor; a front end " +
      "beside the main thread on more than two. Clients that send one request after the other are answered sooner, and the thread keeps a processor busy meanwhile; 0: it sleeps at once."
  }),
  single({
    name: "instance-heartbeat-timeout-ms",
    type: int({ min: 200, max: maxInt32 }),
    default: 3000,
    triton: false,
    unit: "milliseconds",
    group: "Execution",
    doc: "How long a process of instances may show no sign of life before it is ended and replaced."
  }),
  single({
    name: "instance-stall-timeout-secs",
    type: int({ min: 0, max: maxInt32 }),
    default: 300,
    triton: false,
    unit: "seconds",
    group: "Execution",
    doc: "After how long a run that has not come back counts as lost, so that its instance is started again; 0: never."
  }),
  single({
    name: "instance-max-memory-megabytes",
    type: int({ min: 0, max: 1024 * 1024 * 1024 }),
    default: 0,
    triton: false,
    unit: "megabytes",
    group: "Execution",
    doc:
      "How much memory the process of an instance may have; with more it is ended at once and started again. 0: no bound. The parameter galatea.max_memory_megabytes of a model counts before it. Threads have no memory of their own."
  }),
  single({
    name: "instance-max-growth-megabytes",
    type: int({ min: 0, max: 1024 * 1024 * 1024 }),
    default: 0,
    triton: false,
    unit: "megabytes",
    group: "Execution",
    doc:
      "By how much the process of an instance may grow after its first runs; with more it is replaced between two runs, and no request fails. 0: no bound. The parameter galatea.max_memory_growth_megabytes of a model counts before it."
  }),
  single({
    name: "instance-breaker-losses",
    type: int({ min: 0, max: 1000 }),
    default: 5,
    triton: false,
    unit: "losses",
    group: "Execution",
    doc:
      "After how many losses of instances of a version, none of which it has answered a run after, no more is started for a pause; 0: they always are."
  }),
  single({
    name: "instance-breaker-window-secs",
    type: int({ min: 1, max: maxInt32 }),
    default: 60,
    triton: false,
    unit: "seconds",
    group: "Execution",
    doc: "Within which time these losses have to fall."
  }),
  single({
    name: "instance-breaker-pause-secs",
    type: int({ min: 1, max: maxInt32 }),
    default: 30,
    triton: false,
    unit: "seconds",
    group: "Execution",
    doc:
      "How long no instance of such a version is started; then one is on trial. Where none is up, requests are refused with 503 meanwhile."
  }),
  single({
    name: "instance-heap-megabytes",
    type: int({ min: 16 }),
    default: 512,
    triton: false,
    unit: "megabytes",
    group: "Execution",
    doc:
      "JavaScript heap of an instance's thread, which string tensors need. The memory of models and numbers does not count."
  }),
  single({
    name: "instance-log-lines",
    type: int({ min: 1 }),
    default: 100,
    triton: false,
    unit: "lines per second",
    group: "Execution",
    doc:
      "How many lines each instance of a custom model may write into the log, on average over ten seconds. The log says how many more there were."
  }),
  single({
    name: "gpu",
    type: choice(["auto", "off"], "invalid argument for --gpu"),
    default: "auto" as "auto" | "off",
    triton: false,
    group: "Execution",
    doc:
      "Whether models run on GPUs. auto: on those that a process of its own finds usable as the server starts, where the machine has a GPU's driver; off: never, and none is looked for. docs/gpu.md tells more."
  }),
  single({
    name: "gpu-probe-timeout-secs",
    type: int({ min: 1, max: maxInt32 }),
    default: 30,
    triton: false,
    unit: "seconds",
    group: "Execution",
    doc: "How long a process that looks for GPUs may take before it is ended, and what it was trying is not used."
  }),
  single({
    name: "instance-cores",
    type: int({ min: 0, max: 4096 }),
    default: 0,
    defaultText: "those of this machine",
    triton: false,
    group: "Execution",
    doc:
      "Cores to divide among the instances of a model, where neither the model nor --backend-config says how many threads; 0: those of this machine."
  })
] as const
