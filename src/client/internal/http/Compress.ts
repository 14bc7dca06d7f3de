/** Compression of bodies with the stream classes of the platform. */
import type { Bytes } from "../Elements.ts"

/** A coding of bodies. @category models */
export type Coding = "gzip" | "deflate"

const through = async (body: Bytes, stream: CompressionStream | DecompressionStream): Promise<Bytes> =>
  new Uint8Array(await new Response(new Blob([body]).stream().pipeThrough(stream)).arrayBuffer())

/** @internal */
export const compress = (body: Bytes, coding: Coding): Promise<Bytes> => through(body, new CompressionStream(coding))

/** Rejects where the body is not what its coding says. @internal */
export const decompress = (body: Bytes, coding: Coding): Promise<Bytes> =>
  through(body, new DecompressionStream(coding))
