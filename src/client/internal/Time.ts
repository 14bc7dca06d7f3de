/** The time of one call: its deadline, its signal, and pauses between tries. */
import { InferenceServerError } from "../InferenceServerError.ts"

/** @internal */
export interface Patience {
  /** Aborts when the caller gives up or the time is over. */
  readonly signal: AbortSignal
  /** Milliseconds that are left; `undefined`: no limit. */
  readonly left: () => number | undefined
  /** Resolves after so many milliseconds; rejects when the signal aborts before. */
  readonly pause: (millis: number) => Promise<void>
  /** Stops the clock. Call it once the call is over. */
  readonly end: () => void
}

/** `signals` are those of the caller and the client. A time that is over aborts with `DEADLINE_EXCEEDED`. @internal */
export const patience = (
  request: string,
  signals: ReadonlyArray<AbortSignal>,
  timeoutMillis: number | undefined
): Patience => {
  const timer = timeoutMillis === undefined ? undefined : deadline(request, timeoutMillis)
  const signal = AbortSignal.any(timer === undefined ? [...signals] : [...signals, timer.signal])
  return {
    signal,
    left: () => timer?.left(),
    pause: (millis) => pause(millis, signal),
    end: () => timer?.end()
  }
}

const deadline = (request: string, timeoutMillis: number) => {
  if (!(timeoutMillis > 0)) {
    throw new InferenceServerError(`timeoutMillis is ${timeoutMillis}; it takes a number above 0`, {
      code: "INVALID_ARG",
      request
    })
  }
  const over = performance.now() + timeoutMillis
  const controller = new AbortController()
  // Timers take 31 bits of milliseconds, 24 days; no call waits longer.
  const timer = setTimeout(() => {
    const message = `${request} was not answered within ${timeoutMillis} ms`
    controller.abort(new InferenceServerError(message, { code: "DEADLINE_EXCEEDED", request }))
  }, Math.min(timeoutMillis, 0x7fffffff))
  return {
    signal: controller.signal,
    left: () => over - performance.now(),
    end: () => clearTimeout(timer)
  }
}

const pause = (millis: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const abort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort)
      resolve()
    }, millis)
    signal.addEventListener("abort", abort, { once: true })
  })
