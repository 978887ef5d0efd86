import { gzipSync } from "node:zlib";
import { CIFAR10_RECORD, CIFAR10_RECORDS } from "../../src/data/cifar10.ts";

/** A tar archive of these files, as the official one is made: ustar headers of 512 bytes. */
export function tarOf(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (const [name, content] of Object.entries(files)) {
    const header = Buffer.alloc(512);
    header.write(name, 0, "utf8");
    header.write("0000644\0", 100);
    header.write(content.length.toString(8).padStart(11, "0"), 124);
    header.write(" ".repeat(8), 148);
    header.write("0", 156);
    header.write("ustar  ", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    blocks.push(header, content, Buffer.alloc((512 - (content.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1_024)]);
}

/** A batch in the right size and with the wrong content. */
export function fakeBatch(label: number): Uint8Array {
  const bytes = new Uint8Array(CIFAR10_RECORDS * CIFAR10_RECORD);
  for (let record = 0; record < CIFAR10_RECORDS; record++) bytes[record * CIFAR10_RECORD] = label;
  return bytes;
}

export const gzipped = (bytes: Uint8Array): Uint8Array => gzipSync(bytes, { level: 1 });
