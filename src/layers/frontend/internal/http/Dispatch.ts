/** Gives requests to their routes, in the order of protocol §4.1: path, restriction, method; then access. */
import * as Operations from "../../../../schema/Operations.ts"
import type { AccessState } from "../../../../services/Access.ts"
import * as AdminOperations from "../AdminOperations.ts"
import * as Guard from "../Guard.ts"
import type * as Restrictions from "../Restrictions.ts"
import type { Call } from "./Call.ts"
import * as Cors from "./Cors.ts"
import * as Router from "./Router.ts"
import type { Door } from "./routes/Door.ts"
import * as Routes from "./routes/Routes.ts"

/** What stands before the routes. @internal */
export interface Policies {
  readonly door: Door
  readonly restrictions: Restrictions.Restrictions<Restrictions.HeaderRecord>
  readonly cors: Cors.Cors | undefined
  readonly access: AccessState | undefined
  /** Administration has an address of its own, which is not this one. */
  readonly adminElsewhere: boolean
}

const answers: Guard.Answers<Call> = {
  refuse: (call, { failure, headers, key }) => {
    call.traced?.client(key)
    call.failure(failure, call.contentType, headers)
  },
  interrupted: (call, cause) => call.unsuccessful(cause)
}

/** `more`: routes beside those of inference and administration. @internal */
export const make = (
  { access, adminElsewhere, cors, door, restrictions }: Policies,
  more: ReadonlyArray<Router.Route>
): (call: Call) => void => {
  const routes = [...Routes.all(door), ...more]
  const router = Router.make(routes)
  // Also without access: a route that is missing in the table must not come to be served by then.
  const operations = new Map(routes.map((route) => [route, operationsOf(route)]))
  return (call) => {
    const { request } = call
    const target = request.url!
    if (cors !== undefined) {
      call.always = cors.headers(request.headers)
      if (Cors.isPreflight(request.method, request.headers)) return call.preflight(cors.preflight(request.headers))
    }
    const route = router.find(target, call.captures)
    if (route === undefined || route.isHidden?.(request) === true) return call.error(404, "Not Found")
    const isNamed = !target.includes("%") || Router.decodeCaptures(call.captures)
    route.arrived?.(call)
    if (adminElsewhere && AdminOperations.isAdmin(route.category, route.path)) {
      return call.error(403, AdminOperations.refusal)
    }
    const header = restrictions.missing(route.category, request.headers)
    if (header !== undefined) return call.error(403, `This API is restricted, expecting header '${header}'`)
    call.contentType = route.contentType
    const handler = request.method === "POST" ? route.post : request.method === "GET" ? route.get : undefined
    if (handler === undefined) {
      return call.error(405, "Method Not Allowed", call.contentType, ["Allow", Router.allowed(route)])
    }
    if (call.closing || door.server.stopping()) {
      call.close()
      return call.exiting()
    }
    if (!isNamed) {
      return call.error(400, "The percent-encoding of a name in the path is malformed; it must encode UTF-8 as %XX.")
    }
    if (access === undefined) return handler(call)
    const operation = operations.get(route)![request.method === "POST" ? "post" : "get"]!
    const question = {
      operation,
      asker: Guard.askerOf(request.headers, request.socket.remoteAddress),
      model: Guard.modelOf(operation, call.captures.model)
    }
    Guard.guard(access, question, call, answers, (call) => {
      const { headers, key } = call.pass!
      call.traced?.client(key)
      if (headers.length > 0) call.always = call.always === undefined ? headers : [...call.always, ...headers]
      handler(call)
    })
  }
}

/** Who may ask for a route, by its methods. */
const operationsOf = ({ get, operation, path, post }: Router.Route) => ({
  get: get === undefined ? undefined : Operations.ofRoute("GET", operation ?? path),
  post: post === undefined ? undefined : Operations.ofRoute("POST", operation ?? path)
})
