/** Addresses of metrics. */
import { Result } from "effect"

/** Triton's port, and this server's unless configured. */
const defaultPort = 8002

/** On a port of the machine that a server is asked at. @internal */
export const beside = (serverUrl: string, port = defaultPort): string =>
  `http://${new URL(serverUrl).hostname}:${port}/metrics`

/** Of `host:port` or a URL; without a path it is `/metrics`. A failure is a sentence. @internal */
export const read = (given: string): Result.Result<string, string> => {
  const text = given.includes("://") ? given : `http://${given}`
  // A number alone would be read as an IPv4 address.
  if (!/^https?:/i.test(text) || /^\d+$/.test(given) || !URL.canParse(text)) {
    return Result.fail(
      `--metrics-url got '${given}'; it takes host:port, such as localhost:8002, or a URL, such as http://localhost:8002/metrics.`
    )
  }
  const url = new URL(text)
  if (url.pathname === "/") url.pathname = "/metrics"
  return Result.succeed(url.href)
}
