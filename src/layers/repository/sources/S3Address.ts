/**
 * Addresses of buckets: `s3://bucket/prefix`, and `s3://host:port/bucket/prefix` or `s3://https://host:port/bucket/prefix` for
 * stores other than Amazon's.
 *
 * Source: model-config §1.15.
 */
import { Result } from "effect"

/** @category models */
export interface S3Address {
  /** In the one normal form: no slashes twice or at the end. */
  readonly root: string
  /** Where the store listens; `undefined`: where the environment or Amazon says. */
  readonly endpoint: string | undefined
  readonly bucket: string
  /** What the keys of all files begin with, without a slash at the end; empty for the whole bucket. */
  readonly prefix: string
}

const endpointForm = /^(?:(https?):\/\/)?([0-9a-zA-Z.-]+):([0-9]+)\/(.*)$/
const bucketForm = /^[0-9a-z][0-9a-z.-]{1,61}[0-9a-z]$/

const expected = "expected s3://bucket/prefix, s3://host:port/bucket/prefix or s3://https://host:port/bucket/prefix"

/** Reads an address; its failure is what is wrong with it. @category constructors */
export const parse = (address: string): Result.Result<S3Address, string> => {
  const rest = address.slice("s3://".length)
  const match = endpointForm.exec(rest)
  if (match === null && /^https?:\/\//.test(rest)) {
    return Result.fail(`'${address}' names a server without a port, or with one that is no number: ${expected}`)
  }
  const [bucket = "", ...names] = (match?.[4] ?? rest).split("/").filter((name) => name !== "")
  if (!bucketForm.test(bucket)) {
    return Result.fail(
      `'${bucket}' cannot be the name of a bucket in '${address}': it has 3 to 63 lower-case letters, digits, dots and ` +
        `dashes; ${expected}`
    )
  }
  if (match !== null && Number(match[3]) > 65_535) {
    return Result.fail(`'${match[3]}' is no port in '${address}': ${expected}`)
  }
  if (names.some((name) => name === "." || name === "..")) {
    return Result.fail(`'${address}' has '.' or '..' in it, which are names like others in a bucket: leave them out`)
  }
  const server = match === null ? "" : `${match[1] === undefined ? "" : `${match[1]}://`}${match[2]}:${match[3]}/`
  return Result.succeed({
    root: `s3://${server}${[bucket, ...names].join("/")}`,
    endpoint: match === null ? undefined : `${match[1] ?? "http"}://${match[2]}:${match[3]}`,
    bucket,
    prefix: names.join("/")
  })
}
