import { controlSuite } from "../suites/controlSuite.ts"
import { grpc } from "../suites/doors/Grpc.ts"
import { http } from "../suites/doors/Http.ts"
import { inProcess } from "../suites/doors/InProcess.ts"
import { rpc } from "../suites/doors/Rpc.ts"
import { doorSuite } from "../suites/doorSuite.ts"

for (
  const kind of [
    inProcess,
    http("JSON"),
    http("binary"),
    http("JSON", "HTTP/2"),
    http("binary", "HTTP/2"),
    http("JSON", "HTTPS"),
    http("binary", "HTTP/2 over TLS"),
    grpc,
    rpc("HTTP", "JSON"),
    rpc("HTTP", "binary"),
    rpc("WebSocket", "JSON"),
    rpc("WebSocket", "binary")
  ]
) {
  doorSuite(kind)
  controlSuite(kind)
}
