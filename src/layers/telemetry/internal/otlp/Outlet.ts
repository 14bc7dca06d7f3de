/** Where the requests of one signal go: to a collector, to the standard output, or both. */
import { Effect, type Scope } from "effect"
import * as Certificates from "./Certificates.ts"
import type { Targets } from "./Plan.ts"
import * as Serializer from "./Serializer.ts"
import type { SignalBook } from "./SignalBook.ts"
import * as Transport from "./Transport.ts"

/** Takes text for the standard output. @category models */
export type Write = (text: string) => void

/** Each request as one line of JSON. */
const lines = <Request>(
  serializer: Serializer.Serializer<Request>,
  write: Write,
  counted: SignalBook | undefined
): Transport.Transport<Request> => ({
  send: (request) =>
    Effect.sync(() => {
      write(`${new TextDecoder().decode(serializer.json(request))}\n`)
      if (counted !== undefined) counted.exported += serializer.items(request)
    })
})

/** Until the scope closes. @category constructors */
export const make = Effect.fnUntraced(function*<Request>(
  { console, otlp }: Targets,
  serializer: Serializer.Serializer<Request>,
  book: SignalBook,
  write: Write
): Effect.fn.Return<Transport.Transport<Request>, Certificates.InvalidExport, Scope.Scope> {
  if (otlp === undefined) return lines(serializer, write, book)
  const settings = yield* Certificates.settings(otlp)
  const collector = yield* Transport.make(settings, Serializer.of(serializer, settings.protocol), book)
  if (!console) return collector
  const output = lines(serializer, write, undefined)
  return { send: (request) => Effect.andThen(output.send(request), collector.send(request)) }
})
