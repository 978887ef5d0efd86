/**
 * Tar archives read front to back, one member in memory at a time: blocks of 512 bytes, a header with name, size and
 * checksum, then the content, padded. Enough for archives of plain files with names of up to 255 bytes; what other members
 * hold (directories, links, extensions) is passed over.
 *
 * Source: POSIX.1-1988 ustar (IEEE Std 1003.1, pax, "ustar Interchange Format").
 */
export interface TarMember {
  readonly name: string;
  readonly content: Uint8Array;
}

export interface TarFailure {
  readonly reason: "tar-not-tar" | "tar-truncated" | "tar-too-large";
  readonly message: string;
}

const BLOCK = 512;

/**
 * The wanted plain files, in the archive's order; a failure is the last value.
 *
 * @param chunks the uncompressed archive in pieces of any size. Reading stops when the consumer does.
 * @param wanted the most bytes that a wanted file may have, by name: a damaged size is refused before memory is taken
 */
export async function* readTar(
  chunks: AsyncIterable<Uint8Array>,
  wanted: ReadonlyMap<string, number>,
): AsyncGenerator<TarMember | TarFailure, void> {
  const source = readerOf(chunks);
  try {
    for (;;) {
      const header = await source.read(BLOCK);
      // Two blocks of zeros end an archive; some writers leave them out.
      if (header.length === 0 || header.every((byte) => byte === 0)) return;
      if (header.length < BLOCK)
        return yield truncated(`the archive breaks off within a header, after ${source.position()} bytes`);
      const size = octal(header, 124, 12);
      if (size === undefined || octal(header, 148, 8) !== checksumOf(header))
        return yield {
          reason: "tar-not-tar",
          message: `there is no tar header at byte ${source.position() - BLOCK}`,
        };
      const name = nameOf(header);
      const padding = (BLOCK - (size % BLOCK)) % BLOCK;
      const limit = isPlainFile(header) ? wanted.get(name) : undefined;
      if (limit !== undefined && size > limit)
        return yield { reason: "tar-too-large", message: `${name} has ${size} bytes, expected ${limit}` };
      const content = limit === undefined ? undefined : await source.read(size);
      const have = content === undefined ? await source.skip(size) : content.length;
      if (have < size || (await source.skip(padding)) < padding)
        return yield truncated(`${name} breaks off after ${have} of ${size} bytes`);
      if (content !== undefined) yield { name, content };
    }
  } finally {
    await source.close();
  }
}

const truncated = (message: string): TarFailure => ({ reason: "tar-truncated", message });

interface Reader {
  /** The next `count` bytes, in a buffer of their own; fewer at the end. */
  read(count: number): Promise<Uint8Array>;
  /** Passes over `count` bytes; how many there were. */
  skip(count: number): Promise<number>;
  position(): number;
  close(): Promise<void>;
}

function readerOf(chunks: AsyncIterable<Uint8Array>): Reader {
  const iterator = chunks[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  let position = 0;
  const consume = async (count: number, take: (part: Uint8Array, at: number) => void): Promise<number> => {
    let at = 0;
    while (at < count) {
      if (rest.length === 0) {
        const next = await iterator.next();
        if (next.done === true) break;
        rest = next.value;
        continue;
      }
      const part = rest.subarray(0, count - at);
      take(part, at);
      at += part.length;
      rest = rest.subarray(part.length);
    }
    position += at;
    return at;
  };
  return {
    async read(count) {
      const bytes = new Uint8Array(count);
      const have = await consume(count, (part, at) => bytes.set(part, at));
      return bytes.subarray(0, have);
    },
    skip: (count) => consume(count, () => {}),
    position: () => position,
    async close() {
      await iterator.return?.();
    },
  };
}

function text(header: Uint8Array, offset: number, length: number): string {
  const field = header.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return Buffer.from(end === -1 ? field : field.subarray(0, end)).toString("utf8");
}

function octal(header: Uint8Array, offset: number, length: number): number | undefined {
  const digits = text(header, offset, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

/** The sum of the header's bytes, its own field taken as spaces. */
function checksumOf(header: Uint8Array): number {
  return header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 0x20 : byte), 0);
}

function nameOf(header: Uint8Array): string {
  const name = text(header, 0, 100);
  // GNU's older format ("ustar  ") keeps other things where POSIX has the prefix.
  const prefix = text(header, 257, 6) === "ustar" ? text(header, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function isPlainFile(header: Uint8Array): boolean {
  return header[156] === 0x30 || header[156] === 0;
}
