/** What the page of the browser test runs: every case of the clients' suite, against the server that its address names. */
import { connect } from "../../../src/client/Client.ts"
import { cases } from "../../suites/clientSuite.ts"

/** Of each case: its title, and what went wrong, `""` for nothing. */
export type Report = ReadonlyArray<readonly [title: string, failure: string]>

const run = async (server: string): Promise<Report> => {
  const traits = { half: "Float16Array" in globalThis, statuses: true }
  const report: Array<readonly [string, string]> = []
  for (const [title, check] of cases) {
    const client = connect(server, { timeoutMillis: 30_000 })
    const failure = await check(client, traits).then(
      () => "",
      (error: unknown) => error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    )
    await client.close()
    report.push([title, failure])
  }
  return report
}

const { search } = (globalThis as unknown as { readonly location: { readonly search: string } }).location
const report = await run(new URLSearchParams(search).get("server")!)
await fetch("/report", { method: "POST", body: JSON.stringify(report) })
