/** HTTP/1.1: heads of requests. */
import * as Llhttp from "../../frontend/http1/Llhttp.ts"
import * as Plain from "../../frontend/http1/Plain.ts"
import { same, type Target, utf8 } from "../Target.ts"

/** What the server reads itself it reads as node:http does: the same requests, in the same places. */
export const heads: Target = {
  name: "http1-heads",
  seeds: () =>
    [
      "GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "POST /v2/models/a/infer HTTP/1.1\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabcGET / HTTP/1.1\r\n\r\n",
      "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nExpect: 100-continue\r\n\r\n"
    ]
      .map(utf8),
  run: (input) => {
    const bytes = Buffer.from(input)
    const { readings } = Plain.read(bytes)
    same(readings, Llhttp.read(bytes).slice(0, readings.length), "requests")
  }
}
