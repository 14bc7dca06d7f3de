/** Options of access: API keys, and bounds on what each client sends. This server's own. */
import { Result } from "effect"
import { repeated, single, type ValueType } from "./OptionRow.ts"
import { bool, choice, int, path } from "./ValueTypes.ts"

const group = "Access"
const own = { group, triton: false } as const

/** Redis by its address. @category models */
export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly db: number
  readonly tls: boolean
}

const addressHelp =
  "Expected redis://[user@]host[:port][/db] or rediss:// for TLS. The password is that of the environment " +
  "variable GALATEA_LIMIT_REDIS_PASSWORD."

const redisAddress: ValueType<RedisAddress | undefined> = {
  label: "redis://host[:port][/db]",
  argument: "required",
  choices: undefined,
  read: (text) => {
    if (text === "") return Result.succeed({ value: undefined })
    const url = URL.canParse(text) ? new URL(text) : undefined
    const db = url === undefined ? null : /^\/?(\d{0,4})$/.exec(url.pathname)
    const isRedis = url !== undefined && (url.protocol === "redis:" || url.protocol === "rediss:")
    if (!isRedis || url.hostname === "" || db === null || url.search !== "" || url.hash !== "") {
      // What was given may have a password in it: the log would keep it.
      return Result.fail(`Invalid option value.\n${addressHelp}`)
    }
    if (url.password !== "") {
      return Result.fail(`A password in the address is seen in lists of processes.\n${addressHelp}`)
    }
    return Result.succeed({
      value: {
        host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
        port: url.port === "" ? 6379 : Number(url.port),
        user: decodeURIComponent(url.username),
        db: Number(db[1] === "" ? 0 : db[1]),
        tls: url.protocol === "rediss:"
      }
    })
  }
}

/** Addresses of proxies. @category models */
export interface AddressRange {
  readonly address: string
  readonly prefix: number
}

const octet = "(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)"
const v4 = new RegExp(`^${octet}(?:\\.${octet}){3}$`)

const isV6 = (text: string): boolean =>
  /^[\da-f:.]+$/i.test(text) && text.includes(":") && URL.canParse(`http://[${text}]`)

const addressRange: ValueType<AddressRange> = {
  label: "address[/prefix]",
  argument: "required",
  choices: undefined,
  read: (text) => {
    const [address = "", digits, more] = text.split("/")
    const most = v4.test(address) ? 32 : isV6(address) ? 128 : undefined
    const prefix = digits === undefined ? most : /^\d{1,3}$/.test(digits) ? Number(digits) : undefined
    return most === undefined || prefix === undefined || prefix > most || more !== undefined
      ? Result.fail(`Invalid option value. Got ${text}\nExpected an address or a range such as 10.0.0.0/8 or fd00::/8.`)
      : Result.succeed({ value: { address, prefix } })
  }
}

/** @category models */
export const accessRows = [
  single({
    ...own,
    name: "api-keys-file",
    type: path,
    default: "",
    doc:
      "File of API keys, as JSON: every request but probes of health needs one of them, and may do what its scopes say. docs/access.md has the form; 'galatea key create' makes keys."
  }),
  single({
    ...own,
    name: "api-keys-poll-ms",
    type: int({ min: 10 }),
    default: 2000,
    unit: "milliseconds",
    doc: "How often the file of API keys is looked at for a change."
  }),
  single({
    ...own,
    name: "api-keys-guard-health",
    type: bool,
    default: false,
    doc: "Ask for an API key also where the server is asked whether it is live or ready."
  }),
  single({
    ...own,
    name: "client-rate-limit",
    type: int({ min: 0 }),
    default: 0,
    defaultText: "0 (none)",
    unit: "requests per second",
    doc:
      "Requests that each client may send all the time: each API key, or without keys each address, of IPv6 each /64 network. The next one is refused with 429. A key may have a rate of its own."
  }),
  single({
    ...own,
    name: "client-rate-burst",
    type: int({ min: 0 }),
    default: 0,
    defaultText: "0 (those of one second)",
    unit: "requests",
    doc: "Requests that a client may send at once after a pause, with --client-rate-limit."
  }),
  single({
    ...own,
    name: "client-quota",
    type: int({ min: 0 }),
    default: 0,
    defaultText: "0 (none)",
    unit: "requests",
    doc:
      "Requests that each client may send within --client-quota-window-secs, at whatever rate. What is used up comes back little by little. A key may have a quota of its own."
  }),
  single({
    ...own,
    name: "client-quota-window-secs",
    type: int({ min: 1 }),
    default: 86_400,
    unit: "seconds",
    doc: "Time in which a quota that is used up is whole again."
  }),
  single({
    ...own,
    name: "client-limit-max-clients",
    type: int({ min: 1 }),
    default: 65_536,
    unit: "clients",
    doc:
      "Clients whose counters are kept in memory. Beyond it the one that has asked for nothing the longest is forgotten."
  }),
  single({
    ...own,
    name: "client-limit-redis",
    type: redisAddress,
    default: undefined as RedisAddress | undefined,
    defaultText: "(empty)",
    doc:
      "Redis server that counts the requests of clients, for several servers together. Its password is in the environment variable GALATEA_LIMIT_REDIS_PASSWORD."
  }),
  single({
    ...own,
    name: "client-limit-redis-timeout-ms",
    type: int({ min: 1 }),
    default: 50,
    unit: "milliseconds",
    doc: "How long a request waits for that server."
  }),
  single({
    ...own,
    name: "client-limit-redis-away",
    type: choice(["open", "closed"]),
    default: "open" as "open" | "closed",
    doc:
      "What happens to requests while that server cannot be asked: open lets all through, closed refuses all with 503."
  }),
  repeated({
    ...own,
    name: "trusted-proxy",
    type: addressRange,
    environmentSeparator: ",",
    doc:
      "Address or range of proxies whose X-Forwarded-For is believed, e.g. 10.0.0.0/8. Without any, a client is whoever opened the connection."
  })
] as const
