/** Requests as the parser of node:http reads them, to compare with. */
import { createRequire } from "node:module"

export interface Reading {
  readonly method: string
  readonly target: string
  /** Names and values in turn. */
  readonly headers: ReadonlyArray<string>
  readonly keepsAlive: boolean
  readonly upgrades: boolean
  readonly version: string
  /** Bytes of the body that came. */
  body: number
  complete: boolean
}

interface Parser {
  initialize(type: number, resource: object): void
  execute(bytes: Buffer): number | Error
  [callback: number]: unknown
}

interface ParserClass {
  new(): Parser
  readonly REQUEST: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
}

const { HTTPParser, methods } = createRequire(import.meta.url)("node:_http_common") as {
  readonly HTTPParser: ParserClass
  readonly methods: ReadonlyArray<string>
}

/** All requests that begin in these bytes, until one is malformed. */
export const read = (bytes: Buffer): ReadonlyArray<Reading> => {
  const readings: Array<Reading> = []
  const parser = new HTTPParser()
  parser.initialize(HTTPParser.REQUEST, {})
  let early: Array<string> = []
  let earlyTarget = ""
  parser[HTTPParser.kOnHeaders] = (headers: Array<string>, target: string) => {
    early = [...early, ...headers]
    earlyTarget += target
  }
  parser[HTTPParser.kOnHeadersComplete] = (
    major: number,
    minor: number,
    headers: Array<string> | undefined,
    method: number,
    target: string | undefined,
    _status: number,
    _text: string,
    upgrades: boolean,
    keepsAlive: boolean
  ) => {
    readings.push({
      method: methods[method]!,
      target: target ?? earlyTarget,
      headers: headers ?? early,
      keepsAlive,
      upgrades,
      version: `${major}.${minor}`,
      body: 0,
      complete: false
    })
    early = []
    earlyTarget = ""
    return upgrades ? 2 : 0
  }
  parser[HTTPParser.kOnBody] = (body: Buffer) => {
    readings.at(-1)!.body += body.length
  }
  parser[HTTPParser.kOnMessageComplete] = () => {
    readings.at(-1)!.complete = true
  }
  parser.execute(bytes)
  return readings
}
