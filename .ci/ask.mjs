// Small questions that .ci/run asks; plain JavaScript, for any Node from 18 on.
//
//   node ask.mjs port                   prints a free port
//   node ask.mjs ready URL SECONDS PID  waits until the server, this process, is ready
//   node ask.mjs gone URL SECONDS       waits until nothing answers
//   node ask.mjs infer URL              one inference of `simple`, result checked
//   node ask.mjs console URL            the page of the console and every file that belongs to it
//   node ask.mjs counts FILE            "passed failed skipped" of a JSON report of vitest
//   node ask.mjs failures FILE          what failed in it: file, name and the first lines of the message
import { readFileSync } from "node:fs"
import { createServer } from "node:net"
import { relative } from "node:path"

const [command, target, seconds, pid] = process.argv.slice(2)

const isRunning = () => {
  try {
    return process.kill(Number(pid), 0)
  } catch {
    return false
  }
}

const until = async (what, test) => {
  const end = Date.now() + Number(seconds) * 1000
  for (;;) {
    if (await test()) return
    if (pid !== undefined && !isRunning()) throw new Error(`process ${pid} has ended`)
    if (Date.now() > end) throw new Error(`${target} is not ${what} after ${seconds} s`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const commands = {
  port: () => {
    // Below those that systems give to connections and to who asks for any port: nobody gets it meanwhile.
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    const server = createServer().on("error", commands.port).listen(port, "127.0.0.1", () => {
      console.log(port)
      server.close()
    })
  },
  ready: () =>
    until("ready", () => fetch(`${target}/v2/health/ready`).then(({ status }) => status === 200, () => false)),
  gone: () => until("gone", () => fetch(`${target}/v2/health/live`).then(() => false, () => true)),
  infer: async () => {
    const row = Array.from({ length: 16 }, (_, i) => i)
    const input = (name) => ({ name, datatype: "INT32", shape: [1, 16], data: row })
    const response = await fetch(`${target}/v2/models/simple/infer`, {
      method: "POST",
      body: JSON.stringify({ inputs: [input("INPUT0"), input("INPUT1")], outputs: [{ name: "OUTPUT0" }] })
    })
    const text = await response.text()
    console.log(response.status, text)
    const data = JSON.parse(text).outputs[0].data
    if (data.length !== 16 || data.some((value, i) => value !== 2 * i)) throw new Error("wrong sums")
  },
  console: async () => {
    const wanted = new Set(["console"])
    for (const path of wanted) {
      const response = await fetch(`${target}/v2/${path}`)
      const text = await response.text()
      if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`)
      for (const [, file] of text.matchAll(/(?:href|src)="(console\/[^"]+)"/g)) wanted.add(file)
      for (const [, file] of text.matchAll(/ from "\.\/([^"]+)"/g)) wanted.add(`console/${file}`)
    }
    console.log(`${wanted.size} files`)
    if (wanted.size < 10) throw new Error(`only ${[...wanted].join(", ")}`)
  },
  counts: () => {
    const report = JSON.parse(readFileSync(target, "utf8"))
    console.log(report.numPassedTests, report.numFailedTests, report.numPendingTests + (report.numTodoTests ?? 0))
  },
  failures: () => {
    const tell = (file, name, message) => {
      const lines = message.split("\n").filter((line) => line.trim() !== "" && !/^ +at .*node_modules/.test(line))
        .slice(0, 8)
      console.log(
        `FAILED ${relative("", file)}: ${name}\n${lines.map((line) => `    ${line.slice(0, 300)}`).join("\n")}\n`
      )
    }
    for (const { name, status, message, assertionResults } of JSON.parse(readFileSync(target, "utf8")).testResults) {
      const failed = assertionResults.filter((test) => test.status === "failed")
      for (const test of failed) tell(name, test.fullName, test.failureMessages.join("\n"))
      // A file that cannot be loaded fails without a test, and so does a hook, whose message the report lacks.
      if (status === "failed" && failed.length === 0) tell(name, "the file itself, or a hook of it", message)
    }
  }
}

await commands[command]()
