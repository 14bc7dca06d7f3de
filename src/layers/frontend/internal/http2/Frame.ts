/** The numbers of HTTP/2: frame types, flags, settings, errors and bounds. Source: RFC 9113 §4, §6, §7. */

/** @internal */
export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9
} as const

/** @internal */
export const Flag = {
  endStream: 0x1,
  ack: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20
} as const

/** @internal */
export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6
} as const

/** @internal */
export const ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13
} as const

/** Bytes of a frame's head. @internal */
export const headBytes = 9

/** What a client sends first. @internal */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1")

/** Send and receive windows before any setting or update. @internal */
export const defaultWindow = 65535

/** No window may grow beyond it. @internal */
export const maxWindow = 2147483647

/** Payload of a frame before any setting; no setting may be smaller. @internal */
export const defaultFrameSize = 16384

/** No setting of a frame's payload may be larger. @internal */
export const maxFrameSize = 16777215

/** The dynamic header table before any setting. @internal */
export const defaultTableSize = 4096

/** The last stream there can be. @internal */
export const lastStream = 2147483647
