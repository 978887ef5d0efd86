/** The first images of CIFAR-10 out of its archive, read as a stream: the memory is that of the images and of one member. */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { readTar } from "../formats/tar.ts";
import { CIFAR10_MEMBERS, CIFAR10_RECORD, CIFAR10_RECORDS, CIFAR10_SHAPE, type Cifar10Member } from "./cifar10.ts";
import { sha256 } from "./content.ts";
import type { Counts, Split } from "./dataset.ts";
import { type DataFailure, unreadable } from "./failure.ts";

export interface Cifar10Splits {
  readonly train: Split;
  readonly test: Split;
}

/**
 * Reads the archive as far as it must, verifies each member that it takes by its digest, and returns the first images of
 * each set in the official order.
 *
 * @param remedy what to do when the file is bad
 */
export async function readCifar10(
  path: string,
  counts: Counts,
  remedy: string,
): Promise<Cifar10Splits | "absent" | DataFailure> {
  const splits = { train: emptySplit(counts.train), test: emptySplit(counts.test) };
  const places = new Map<string, { readonly member: Cifar10Member; readonly split: Split; readonly first: number }>();
  for (const name of ["train", "test"] as const)
    for (const [i, member] of CIFAR10_MEMBERS[name].entries())
      if (i * CIFAR10_RECORDS < counts[name])
        places.set(member.name, { member, split: splits[name], first: i * CIFAR10_RECORDS });
  const expected = CIFAR10_RECORDS * CIFAR10_RECORD;
  const wanted = new Map([...places.keys()].map((name) => [name, expected]));
  const fail = (reason: DataFailure["reason"], message: string): DataFailure => ({
    reason,
    message: `${path} ${message}`,
    remedy,
  });

  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  const gunzip = createGunzip({ chunkSize: 1 << 18 });
  // pipe() leaves errors where they arise: the file's are handed on to whoever reads the decompressed stream.
  file.on("error", (error) => gunzip.destroy(error));
  file.pipe(gunzip);
  try {
    for await (const member of readTar(gunzip, wanted)) {
      if ("reason" in member) {
        if (member.reason === "tar-truncated") return fail("data-truncated", `is truncated: ${member.message}`);
        return fail("data-wrong-content", `is not CIFAR-10's archive: ${member.message}`);
      }
      const { member: official, split, first } = places.get(member.name)!;
      if (member.content.length !== expected)
        return fail("data-wrong-shape", `has ${member.name} of ${member.content.length} bytes, expected ${expected}`);
      const found = sha256(member.content);
      if (found !== official.digest)
        return fail(
          "data-wrong-content",
          `has ${member.name} in the right size but not with the official content: SHA-256 ${found}, expected ${official.digest}`,
        );
      takeRecords(member.content, split, first);
      places.delete(member.name);
      if (places.size === 0) return splits;
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return "absent";
    if (code === "Z_BUF_ERROR") return fail("data-truncated", "is truncated: its gzip stream breaks off");
    if (code?.startsWith("Z_")) return fail("data-not-gzip", `does not decompress: ${message}`);
    return unreadable(path, message);
  } finally {
    file.destroy();
    gunzip.destroy();
  }
  return fail("data-wrong-content", `lacks ${[...places.keys()].join(", ")}`);
}

function emptySplit(count: number): Split {
  return {
    images: { shape: [count, ...CIFAR10_SHAPE], values: new Uint8Array(count * (CIFAR10_RECORD - 1)) },
    labels: { shape: [count], values: new Uint8Array(count) },
  };
}

/** The images of a member go to the rows from `first` on, as many as are wanted. */
function takeRecords(content: Uint8Array, { images, labels }: Split, first: number): void {
  const pixels = CIFAR10_RECORD - 1;
  const count = Math.min(CIFAR10_RECORDS, labels.values.length - first);
  for (let i = 0; i < count; i++) {
    const record = i * CIFAR10_RECORD;
    labels.values[first + i] = content[record]!;
    images.values.set(content.subarray(record + 1, record + CIFAR10_RECORD), (first + i) * pixels);
  }
}
