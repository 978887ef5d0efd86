import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import dln from "../../stages/dln.ts";
import type { DlnTable } from "../../stages/figures/dln-table.ts";
import { fakeContext } from "../data/context.ts";

export const FIGURE_1_PARAMS = { start: [-0.1, 10], etas: [0.001, 0.0095, 0.011, 0.013] };

/** What `stages/dln.ts` writes, through its file. */
export async function dlnTable(params = FIGURE_1_PARAMS): Promise<DlnTable> {
  const folder = mkdtempSync(join(tmpdir(), "dln-"));
  try {
    await dln.run(fakeContext(folder, params));
    return JSON.parse(readFileSync(join(folder, "table"), "utf8")) as DlnTable;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
