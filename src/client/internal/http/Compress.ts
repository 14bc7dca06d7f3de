/** Compression of request bodies with the stream classes of the platform. */
import type { Bytes } from "../Elements.ts"

/** @internal */
export const compress = async (body: Bytes, coding: "gzip" | "deflate"): Promise<Bytes> =>
  new Uint8Array(await new Response(new Blob([body]).stream().pipeThrough(new CompressionStream(coding))).arrayBuffer())
