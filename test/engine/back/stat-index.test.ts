import { chmodSync, renameSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { openStatIndex } from "../../../src/engine/files/stat-index.ts";
import { openStore } from "../../../src/engine/files/store.ts";
import { openTable } from "../../../src/engine/files/table.ts";
import { digestOf } from "../../../src/engine/plan/digest.ts";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";

function settle(workspace: Workspace, file: string, seconds = 10): void {
  const past = Date.now() / 1000 - seconds;
  utimesSync(workspace.path(file), past, past);
}

describe("the stat index", () => {
  it("knows an unchanged file from one run to the next, without reading it", async () => {
    const workspace = makeWorkspace({ "a.txt": "one" });
    settle(workspace, "a.txt");
    const first = openStatIndex(openStore(workspace.root));
    expect(first.glance("a.txt")?.digest).toBe(undefined);
    expect((await first.digest("a.txt"))?.digest).toBe(digestOf("one"));
    expect(first.glance("a.txt")?.digest).toBe(digestOf("one"));
    first.save();
    expect(openStatIndex(openStore(workspace.root)).glance("a.txt")?.digest).toBe(digestOf("one"));
  });

  it("does not trust a file written about when it was hashed (racily clean)", async () => {
    const workspace = makeWorkspace();
    const index = openStatIndex(openStore(workspace.root));
    workspace.write("a.txt", "one");
    expect((await index.digest("a.txt"))?.digest).toBe(digestOf("one"));
    expect(index.glance("a.txt")?.digest).toBe(undefined);
    workspace.write("a.txt", "two");
    expect((await index.digest("a.txt"))?.digest).toBe(digestOf("two"));
  });

  it("nor one dated in the future, nor one on a file system of whole seconds until they have passed", async () => {
    const workspace = makeWorkspace({ "a.txt": "one", "b.txt": "one" });
    const index = openStatIndex(openStore(workspace.root));
    settle(workspace, "a.txt", -100);
    const second = Math.floor(Date.now() / 1000);
    utimesSync(workspace.path("b.txt"), second, second);
    for (const file of ["a.txt", "b.txt"]) {
      await index.digest(file);
      expect(index.glance(file)?.digest).toBe(undefined);
    }
  });

  it.each<[string, (workspace: Workspace) => void]>([
    ["another size", (workspace) => workspace.write("a.txt", "longer")],
    [
      "the same size and an mtime set back",
      (workspace) => {
        const { mtime } = statSync(workspace.path("a.txt"));
        workspace.write("a.txt", "two");
        utimesSync(workspace.path("a.txt"), mtime, mtime);
      },
    ],
    [
      "another file renamed over it",
      (workspace) => {
        const { mtime } = statSync(workspace.path("a.txt"));
        writeFileSync(workspace.path("b.txt"), "two");
        utimesSync(workspace.path("b.txt"), mtime, mtime);
        renameSync(workspace.path("b.txt"), workspace.path("a.txt"));
      },
    ],
  ])("notices %s", async (_, edit) => {
    const workspace = makeWorkspace({ "a.txt": "one" });
    settle(workspace, "a.txt");
    const index = openStatIndex(openStore(workspace.root));
    await index.digest("a.txt");
    edit(workspace);
    expect(index.glance("a.txt")?.digest).toBe(undefined);
    expect((await index.digest("a.txt"))?.digest).not.toBe(digestOf("one"));
  });

  it("says what is no file, and follows links", async () => {
    const workspace = makeWorkspace({ "folder/a.txt": "one" });
    symlinkSync(workspace.path("folder/a.txt"), workspace.path("link"));
    const index = openStatIndex(openStore(workspace.root));
    for (const path of ["nowhere", "folder", "folder/a.txt/b"]) {
      expect(index.glance(path)).toBe(undefined);
      expect(await index.digest(path)).toBe(undefined);
    }
    expect((await index.digest("link"))?.digest).toBe(digestOf("one"));
  });

  it("tells the executable bit", async () => {
    const workspace = makeWorkspace({ tool: "#!/bin/sh\n" });
    const index = openStatIndex(openStore(workspace.root));
    expect((await index.digest("tool"))?.executable).toBe(false);
    chmodSync(workspace.path("tool"), 0o755);
    expect((await index.digest("tool"))?.executable).toBe(true);
  });

  it("does not take another process's file for the one it put there", () => {
    const workspace = makeWorkspace({ "a.txt": "mine", "b.txt": "other" });
    settle(workspace, "a.txt");
    const mine = statSync(workspace.path("a.txt"), { bigint: true });
    settle(workspace, "b.txt");
    renameSync(workspace.path("b.txt"), workspace.path("a.txt"));
    const index = openStatIndex(openStore(workspace.root));
    index.learn("a.txt", digestOf("mine"), mine);
    expect(index.glance("a.txt")?.digest).toBe(undefined);
  });
});

describe("a table", () => {
  it("keeps what two processes wrote, each its own entries", () => {
    const { root } = makeWorkspace();
    const [one, two] = [openTable<number>(openStore(root), "t", 1), openTable<number>(openStore(root), "t", 1)];
    one.set("a", 1);
    one.set("shared", 1);
    two.set("b", 2);
    two.set("shared", 2);
    one.save();
    two.save();
    const read = openTable<number>(openStore(root), "t", 1);
    expect(["a", "b", "shared"].map((key) => read.get(key))).toEqual([1, 2, 2]);
    read.delete("a");
    read.save();
    expect(openTable<number>(openStore(root), "t", 1).get("a")).toBe(undefined);
  });

  it("is empty when it is broken or of another format, and forgets what nobody asks for when it is too long", () => {
    const { root } = makeWorkspace();
    const table = openTable<number>(openStore(root), "t", 1);
    for (const key of ["a", "b", "c"]) table.set(key, 1);
    table.save();
    expect([...openTable<number>(openStore(root), "t", 2).keys()]).toEqual([]);
    const small = openTable<number>(openStore(root), "t", 1, 2);
    small.get("b");
    small.set("d", 1);
    small.save();
    expect([...openTable<number>(openStore(root), "t", 1).keys()]).toEqual(["b", "d"]);
    writeFileSync(openStore(root).index("t"), "[1,");
    expect([...openTable<number>(openStore(root), "t", 1).keys()]).toEqual([]);
  });
});
