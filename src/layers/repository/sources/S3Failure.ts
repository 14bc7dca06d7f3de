/** What the client of S3 fails with, as a failure of a store that says what to do. */
import type { S3Address } from "./S3Address.ts"
import { changed, type FetchFailed, refused, unreachable } from "./Store.ts"

interface Details {
  readonly name: string
  readonly message: string
  /** The status of the answer, `undefined` where there was none. */
  readonly status: number | undefined
}

const detailsOf = (error: unknown): Details => {
  if (!(error instanceof Error)) return { name: "", message: String(error), status: undefined }
  const metadata = "$metadata" in error ? error.$metadata : undefined
  const status = typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata
    ? metadata.httpStatusCode
    : undefined
  // An address with several numbers fails with one error of several, which says nothing itself.
  const told = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
  return {
    name: error.name,
    message: told.message,
    status: typeof status === "number" ? status : undefined
  }
}

const credentials =
  "The credentials are those of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, of AWS_PROFILE, or of the file of " +
  "TRITON_CLOUD_CREDENTIAL_PATH"

const known = (
  { bucket, endpoint, root }: S3Address,
  { message, name, status }: Details,
  asked: string
): FetchFailed | undefined => {
  const said = `${name === "" ? "" : `${name}: `}${message}`
  if (name === "NoSuchBucket") {
    return refused(
      `there is no bucket '${bucket}' at ${
        endpoint ?? "the S3 endpoint in use"
      }. Check the name in '${root}', and the ` +
        "endpoint and the region: AWS_ENDPOINT_URL, AWS_REGION",
      "NOT_FOUND"
    )
  }
  if (name === "CredentialsProviderError" || name === "TokenProviderError") {
    return refused(`no credentials for ${root}: ${message}. ${credentials}`)
  }
  if (status === 429 || (status !== undefined && status >= 500) || name === "SlowDown" || name === "RequestTimeout") {
    return unreachable(`${root}: the store is not able ${asked} now: ${said}`)
  }
  if (status === 401 || status === 403) {
    return refused(
      `${root}: the store refuses ${asked}: ${said}. ${credentials}, and must allow s3:ListBucket and s3:GetObject`
    )
  }
  // Without an answer: no connection, no name, no time.
  if (status === undefined || status < 300) {
    return unreachable(`${root}: no answer where it was asked ${asked}: ${said}`)
  }
  return undefined
}

/** @category conversions */
export const ofListing = (address: S3Address, error: unknown): FetchFailed => {
  const details = detailsOf(error)
  return known(address, details, "to list the bucket") ??
    refused(`${address.root}: the store refuses to list the bucket: ${details.name}: ${details.message}`)
}

/** @category conversions */
export const ofFile = (address: S3Address, path: string, error: unknown): FetchFailed => {
  const details = detailsOf(error)
  if (details.name === "NoSuchKey" || details.name === "PreconditionFailed" || details.status === 412) {
    return changed(`${address.root}/${path} is not what was listed any more: ${details.name}`)
  }
  return known(address, details, `to read '${path}'`) ??
    refused(`${address.root}: the store refuses to read '${path}': ${details.name}: ${details.message}`)
}
