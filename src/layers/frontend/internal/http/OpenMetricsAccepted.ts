/** Whether whoever scrapes takes OpenMetrics rather than Prometheus' text format. Source: RFC 9110 §12.5.1. */

/** What such an answer is. @internal */
export const contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

/** The weight of a range as in its `q`: 1 without one, 0 where it cannot be read. */
const weight = (parameters: ReadonlyArray<string>): number => {
  const q = parameters.find((parameter) => /^q=/i.test(parameter))
  if (q === undefined) return 1
  return /^q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i.test(q) ? Number(q.slice(2)) : 0
}

/** The version that a range asks for is the one of these answers, or it asks for none. */
const fits = (parameters: ReadonlyArray<string>): boolean =>
  parameters.every((parameter) => !/^version=/i.test(parameter) || /^version="?1\.0\.0"?$/i.test(parameter))

/** An `Accept` header names OpenMetrics, and plain text with no more weight. @internal */
export const by = (accept: string | undefined): boolean => {
  if (accept === undefined || !/openmetrics/i.test(accept)) return false
  let open = 0
  let plain = 0
  for (const range of accept.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim())
    if (/^application\/openmetrics-text$/i.test(type) && fits(parameters)) open = Math.max(open, weight(parameters))
    else if (/^text\/plain$/i.test(type)) plain = Math.max(plain, weight(parameters))
  }
  return open > 0 && open >= plain
}
