import { createCipheriv, randomBytes } from "node:crypto";
import type { Store } from "../files/store.ts";
import { openTable, type Table } from "../files/table.ts";
import { openSum, type Sum } from "../plan/digest.ts";
import type { Digest } from "../plan/plan.ts";

/**
 * A second check sum of a blob, taken in the pass that has found its digest to be right: a GMAC (NIST SP 800-38D) of the
 * bytes under a random key of its own. Processors reckon it four to five times as fast as SHA-256, which is what a restore
 * of large files otherwise waits for.
 *
 * Two different contents of n 16-byte blocks have the same tag with a probability below (n + 2) / 2^128 (the difference is a
 * polynomial of that degree, and the key its argument), because what befalls a disk does not depend on the key: for 1 TB,
 * less than one in 10^27. Whoever could forge a seal could as well rewrite the action's record.
 */
export type Seal = readonly [key: string, tag: string];

/** Looks at all bytes of a blob, in order, and then says whether they are what they should be. */
export interface Check {
  look(bytes: Uint8Array): void;
  holds(): boolean;
}

/** A memo: without a seal, or with a broken one, the digest decides. */
export interface Seals {
  /** By the seal, where there is one. */
  quick(digest: Digest): Check | undefined;
  /** By the digest itself; where it holds, the blob gets a seal. */
  thorough(digest: Digest): Check;
  /** Finds the digest of a blob to be, and seals it. */
  first(): Sum;
  save(): void;
}

export function openSeals(store: Store): Seals {
  // Only large blobs have one: most runs need not read the table.
  let opened: Table<Seal> | undefined;
  const table = (): Table<Seal> => {
    opened ??= openTable<Seal>(store, "seals", 1);
    return opened;
  };
  const first = (): Sum => {
    const sum = openSum();
    const key = randomBytes(16);
    const seal = gmac(key);
    return {
      look(bytes) {
        sum.look(bytes);
        seal.look(bytes);
      },
      digest() {
        const digest = sum.digest();
        table().set(digest, [key.toString("hex"), seal.tag()]);
        return digest;
      },
    };
  };
  return {
    quick(digest) {
      const found = table().get(digest);
      const [key, tag] = Array.isArray(found) ? found : [];
      if (typeof key !== "string" || !/^[0-9a-f]{32}$/.test(key)) return undefined;
      const seal = gmac(Buffer.from(key, "hex"));
      return { look: seal.look, holds: () => seal.tag() === tag };
    },
    thorough(digest) {
      const found = first();
      return { look: found.look, holds: () => found.digest() === digest };
    },
    first,
    save: () => opened?.save(),
  };
}

/** AES-GCM over nothing but additional data: it may come in pieces, and none of it is encrypted. */
function gmac(key: Buffer): { look(bytes: Uint8Array): void; tag(): string } {
  // A key is used for one content alone, so that the nonce may be the same.
  const cipher = createCipheriv("aes-128-gcm", key, Buffer.alloc(12));
  return {
    look: (bytes) => void cipher.setAAD(bytes),
    tag() {
      cipher.final();
      return cipher.getAuthTag().toString("hex");
    },
  };
}
