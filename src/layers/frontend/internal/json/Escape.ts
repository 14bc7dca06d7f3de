/** Escapes in JSON strings. */
import { malformed } from "./JsonSyntax.ts"

const hexValue = (c: number): number => {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  const letter = c | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** The number of the four hexadecimal digits at `at`; the failure is at `escape`. */
const hex4 = (bytes: Uint8Array, at: number, end: number, escape: number): number => {
  let unit = 0
  for (let i = at; i < at + 4; i++) {
    const digit = i < end ? hexValue(bytes[i]!) : -1
    if (digit < 0) throw malformed("hexDigit", escape)
    unit = unit * 16 + digit
  }
  return unit
}

/** Bytes of the escape whose backslash is at `at`, of a pair of surrogates those of both. Fails where it is none. @internal */
export const length = (bytes: Uint8Array, at: number, end: number): number => {
  switch (at + 1 < end ? bytes[at + 1]! : 0) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return 2
    case 0x75: {
      const unit = hex4(bytes, at + 2, end, at)
      if (unit < 0xd800 || unit > 0xdfff) return 6
      if (unit > 0xdbff || at + 7 >= end || bytes[at + 6] !== 0x5c || bytes[at + 7] !== 0x75) {
        throw malformed("surrogate", at)
      }
      const low = hex4(bytes, at + 8, end, at)
      if (low < 0xdc00 || low > 0xdfff) throw malformed("surrogate", at)
      return 12
    }
    default:
      throw malformed("escape", at)
  }
}

/** Bytes in UTF-8 of what an escape that {@link length} has accepted stands for. @internal */
export const decodedLength = (bytes: Uint8Array, at: number): number => {
  if (bytes[at + 1] !== 0x75) return 1
  const unit = hex4(bytes, at + 2, at + 6, at)
  return unit < 0x80 ? 1 : unit < 0x800 ? 2 : unit >= 0xd800 && unit <= 0xdfff ? 4 : 3
}

/** Writes the contents of a string whose escapes were accepted, as UTF-8, and gives the offset after them. @internal */
export const decode = (bytes: Uint8Array, start: number, end: number, out: Uint8Array, offset: number): number => {
  let o = offset
  let i = start
  while (i < end) {
    const c = bytes[i]!
    if (c !== 0x5c) {
      out[o++] = c
      i++
      continue
    }
    const e = bytes[i + 1]!
    i += 2
    if (e !== 0x75) {
      out[o++] = e === 0x62 ? 8 : e === 0x66 ? 12 : e === 0x6e ? 10 : e === 0x72 ? 13 : e === 0x74 ? 9 : e
      continue
    }
    let point = hex4(bytes, i, end, i)
    i += 4
    if (point >= 0xd800 && point <= 0xdbff) {
      point = 0x10000 + ((point - 0xd800) << 10) + (hex4(bytes, i + 2, end, i) - 0xdc00)
      i += 6
    }
    if (point < 0x80) {
      out[o++] = point
    } else if (point < 0x800) {
      out[o++] = 0xc0 | (point >> 6)
      out[o++] = 0x80 | (point & 63)
    } else if (point < 0x10000) {
      out[o++] = 0xe0 | (point >> 12)
      out[o++] = 0x80 | ((point >> 6) & 63)
      out[o++] = 0x80 | (point & 63)
    } else {
      out[o++] = 0xf0 | (point >> 18)
      out[o++] = 0x80 | ((point >> 12) & 63)
      out[o++] = 0x80 | ((point >> 6) & 63)
      out[o++] = 0x80 | (point & 63)
    }
  }
  return o
}
