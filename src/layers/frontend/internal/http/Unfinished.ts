/** What becomes of the calls of a connection when it goes no further. */
import type { Socket } from "node:net"
import type { InProgress } from "./Wire.ts"

/** How long a connection that is about to be closed is still read, so that the client sees the answer and no reset. */
const lingerMillis = 2000

/** What the client is told whose body has stopped to come. @internal */
export const stoppedArriving =
  "The request body stopped arriving. Send it without pauses, or raise --http-body-timeout-ms."

/** Refuses the call whose body is being received, and closes the connection after that; `false`: there is none. @internal */
export const refuseArriving = (calls: Iterable<InProgress>, status: number, message: string): boolean => {
  for (const call of calls) {
    // A whole body that nobody has taken yet is on its way to whoever receives it.
    if (!call.receiving || call.request.complete) continue
    call.guard(() => {
      call.close()
      call.error(status, message)
    })
    return true
  }
  return false
}

/** Who is waited for on a connection on which no byte comes or goes. @internal */
export const waitingFor = (calls: Iterable<InProgress>): "the client" | "the server" | "nobody" => {
  let running = false
  for (const call of calls) {
    if (call.receiving) return "the client"
    // Work may take its time, but not a client that does not read what is sent.
    running ||= call.running && !call.response.writableNeedDrain
  }
  return running ? "the server" : "nobody"
}

/** What has not arrived of a request is not waited for any longer. @internal */
export const cutShort = (calls: Iterable<InProgress>): void => {
  for (const call of calls) {
    if (!call.receiving) continue
    call.guard(() => {
      call.close()
      call.exiting()
    })
    return
  }
}

/** Ends a connection after a while, however much the client still sends. @internal */
export const linger = (socket: Socket): void => {
  const timer = setTimeout(() => socket.destroy(), lingerMillis)
  timer.unref()
  socket.once("close", () => clearTimeout(timer))
}
