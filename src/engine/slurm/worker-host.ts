/** The process that a job starts: it says where it is, before anything of the engine is loaded, and does its task. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Common } from "./task.ts";

async function start(folder: string): Promise<void> {
  const common = JSON.parse(readFileSync(join(folder, "common.json"), "utf8")) as Common;
  (globalThis as { [name: symbol]: unknown })[Symbol.for("gd-instabilities.build")] = common.build;
  const { work } = await import("./worker.ts");
  process.exit(await work(folder, common));
}

void start(process.argv[2] ?? "");
