import type { IncomingMessage } from "node:http";
import { pipeline, type Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";

/** Thrown where another attempt could give nothing else. */
export class Final extends Error {}

/** Thrown where a server has answered, and another attempt may give something better. */
export class Doubtful extends Error {}

/** The body of an answer. */
export interface Content {
  /** Decoded. */
  readonly stream: Readable;
  /** Whether HTTP tells where it ends: a body that just stops when the connection does may lack its last part. */
  readonly delimited: boolean;
}

/** We ask for bytes as they are; a proxy between may compress them all the same. */
export function contentOf(response: IncomingMessage): Content {
  const { "content-encoding": encoding = "identity", "content-length": length } = response.headers;
  const chunked = response.headers["transfer-encoding"] !== undefined;
  const decoder = decoderFor(encoding.trim().toLowerCase());
  const delimited = length !== undefined || chunked;
  if (decoder === undefined) return { stream: response, delimited };
  // What goes wrong is an error of the decoder's, where whoever reads finds it.
  pipeline(response, decoder, () => undefined);
  return { stream: decoder, delimited };
}

function decoderFor(encoding: string): Transform | undefined {
  switch (encoding) {
    case "":
    case "identity":
      return undefined;
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "deflate":
      return createInflate();
    case "br":
      return createBrotliDecompress();
    default:
      throw new Final(`it encodes what it sends as ${encoding}, which it was not asked to`);
  }
}

/** All of a body, which must not be longer than `most`. */
export async function bytesOf({ stream }: Content, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > most) throw new Final(`its answer is longer than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
