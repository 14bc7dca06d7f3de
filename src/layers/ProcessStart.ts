/** When this process started. */

/** Seconds since 1970, to the microsecond: metrics and the HTTP front end show the same number. @category constants */
export const processStartSeconds: number = performance.timeOrigin / 1e3
