import { cpus } from "node:os";
import { expect, it } from "vitest";
import { makeStudy } from "./study.ts";

it("a record names the processor that it was made on, and no key knows of it", async () => {
  const study = makeStudy();
  await study.run("run");
  const records = study
    .list(".pipeline/actions")
    .map((file) => JSON.parse(study.read(file)) as { readonly cpu?: string; readonly manifest: unknown });
  expect(records.length).toBeGreaterThan(0);
  const model = cpus()[0]?.model.replace(/\s+/g, " ").trim() ?? "";
  for (const { cpu, manifest } of records) {
    expect(cpu).toBe(model === "" || model === "unknown" ? undefined : model);
    if (cpu !== undefined) expect(JSON.stringify(manifest)).not.toContain(cpu);
  }
});
