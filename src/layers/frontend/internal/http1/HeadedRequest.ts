/** What a request over HTTP/1.1 says of itself: its head. */
import type { IncomingHttpHeaders } from "node:http"
import type { Head } from "./Head.ts"

/** @internal */
export abstract class HeadedRequest {
  readonly httpVersion = "1.1"
  readonly httpVersionMinor = 1
  readonly head: Head

  constructor(head: Head) {
    this.head = head
  }

  get method(): string {
    return this.head.method
  }

  get url(): string {
    return this.head.target
  }

  get headers(): IncomingHttpHeaders {
    return this.head.headers
  }

  get headersDistinct(): NodeJS.Dict<Array<string>> {
    return this.head.headersDistinct
  }

  get rawHeaders(): ReadonlyArray<string> {
    return this.head.raw
  }
}
