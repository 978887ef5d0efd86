import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { permissionFlags } from "../../../src/engine/actions/sandbox.ts";
import { openValidator } from "../../../src/engine/actions/validate-out.ts";
import { logPath, openStore } from "../../../src/engine/files/store.ts";
import { parseTree, serialiseTree, treeDigest } from "../../../src/engine/files/tree.ts";
import { differences } from "../../../src/engine/keys/explain.ts";
import { digestFile, digestOf } from "../../../src/engine/plan/digest.ts";
import { BASE_VARIABLES, environmentOf, pathIn, placeOf } from "../../../src/engine/plan/environment.ts";
import { type Ingredient, keyOf, sortManifest } from "../../../src/engine/plan/manifest.ts";
import type { InstanceName } from "../../../src/engine/plan/plan.ts";
import { explainIo } from "../../../src/engine/system/io-error.ts";
import { canonical, leavesOf } from "../../../src/engine/system/json.ts";
import { cutLines } from "../../../src/engine/system/lines.ts";
import type { Json } from "../../../src/stage.ts";
import { makeWorkspace } from "../../rig/workspace.ts";

const shuffled = (value: Json): Json => {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(shuffled);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, shuffled(inner as Json)]),
  );
};

describe("canonical JSON", () => {
  it("is JSON, and the same in whatever order the keys were written", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = JSON.parse(JSON.stringify(value)) as Json;
        expect(JSON.parse(canonical(json))).toEqual(json);
        expect(canonical(shuffled(json))).toBe(canonical(json));
      }),
    );
  });

  it("has leaves that tell any two values apart", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const [x, y] = [JSON.parse(JSON.stringify(a)) as Json, JSON.parse(JSON.stringify(b)) as Json];
        const same = canonical(leavesOf("p", x)) === canonical(leavesOf("p", y));
        expect(same).toBe(canonical(x) === canonical(y));
      }),
    );
    expect(leavesOf("params", { b: [1, { c: "x" }], a: {}, "d.e": null })).toEqual([
      ["params.a", {}],
      ["params.b[0]", 1],
      ["params.b[1].c", "x"],
      ['params["d.e"]', null],
    ]);
  });
});

describe("a digest", () => {
  it("is SHA-256 of the bytes, of a file a chunk at a time", async () => {
    const folder = makeWorkspace().root;
    for (const size of [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) * 2 + 7]) {
      const bytes = Buffer.alloc(size, "gradient descent");
      writeFileSync(join(folder, "f"), bytes);
      const expected = createHash("sha256").update(bytes).digest("hex");
      expect(await digestFile(join(folder, "f"))).toBe(expected);
      expect(digestOf(bytes)).toBe(expected);
    }
  });
});

describe("a key", () => {
  const manifest = (...list: Ingredient[]) => sortManifest(list);

  it("does not depend on the order of ingredients, and on everything else of them", () => {
    const a: Ingredient = ["param", "params.eta", 0.01];
    const b: Ingredient = ["dep", "data.data", "00"];
    expect(keyOf(manifest(a, b))).toBe(keyOf(manifest(b, a)));
    const others: Ingredient[] = [
      ["param", "params.eta", 0.02],
      ["param", "params.eta", "0.01"],
      ["param", "params.et", 0.01],
      ["env", "params.eta", 0.01],
    ];
    expect(new Set([a, ...others].map((other) => keyOf(manifest(other, b)))).size).toBe(5);
  });

  it("changes exactly when there are differences to tell", () => {
    const ingredient = fc.tuple(
      fc.constantFrom("param", "env", "package", "file"),
      fc.constantFrom("a", "b", "c"),
      fc.constantFrom<Json>(1, 2, "x"),
    );
    const manifests = fc
      .uniqueArray(ingredient, { selector: ([kind, subject]) => `${kind} ${subject}` })
      .map((list) => sortManifest([...list]));
    fc.assert(
      fc.property(manifests, manifests, (before, after) => {
        const reasons = differences(before, after, { sources: () => undefined });
        expect(reasons.length === 0).toBe(keyOf(before) === keyOf(after));
      }),
    );
  });
});

describe("lines", () => {
  it("are the same however the stream is cut", () => {
    const text = "one\ntwo ä€😀\r\n\n 10%\r 50%\rdone\nlast";
    const bytes = Buffer.from(text);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 6 }), (cuts) => {
        const lines: string[] = [];
        const cutter = cutLines((line) => lines.push(line));
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        for (let i = 1; i < at.length; i++) cutter.write(bytes.subarray(at[i - 1], at[i]));
        cutter.end();
        expect(lines).toEqual(["one", "two ä€😀", "", "done", "last"]);
      }),
    );
  });
});

describe("a tree", () => {
  const file = (path: string, executable = false) => ({ path, digest: digestOf(path), executable });

  it("has one digest in whatever order its files were found, and is read back", () => {
    const tree = [file("b"), file("a/x", true), file("a.txt")];
    expect(treeDigest(tree)).toBe(treeDigest([...tree].reverse()));
    expect(treeDigest([file("b"), file("a/x"), file("a.txt")])).not.toBe(treeDigest(tree));
    expect(parseTree(Buffer.from(serialiseTree(tree)))).toEqual([file("a.txt"), file("a/x", true), file("b")]);
  });

  it("of another format, or that leads out of its directory, is none", () => {
    expect(parseTree(Buffer.from("{}"))).toBe(undefined);
    expect(parseTree(Buffer.from("["))).toBe(undefined);
    for (const path of ["../x", "/x", "a/../../x", ""])
      expect(parseTree(Buffer.from(serialiseTree([file(path)])))).toBe(undefined);
  });
});

describe("the sandbox's flags", () => {
  const first = (version: string): string | undefined => permissionFlags({ reads: ["/a"], writes: ["/b"] }, version)[0];

  it("are what each Node wants", () => {
    expect(first("20.20.2")).toBe("--experimental-permission");
    expect(first("22.12.0")).toBe("--experimental-permission");
    expect(first("22.13.0")).toBe("--permission");
    expect(first("24.1.0")).toBe("--permission");
    expect(permissionFlags({ reads: [], writes: [] }, "24.1.0")).not.toContain("--allow-net");
    expect(permissionFlags({ reads: [], writes: [] }, "26.0.0")).toContain("--allow-net");
    expect(permissionFlags({ reads: ["/a", "/a", "/c,d"], writes: ["/b"] })).toEqual(
      expect.arrayContaining(["--allow-fs-read=/a", "--allow-fs-read=/c,d", "--allow-fs-write=/b"]),
    );
  });
});

describe("an action's environment", () => {
  it("is the base list and what it declares", () => {
    const all = { PATH: "/bin", SECRET: "s", MODE: "m", VK_ICD_FILENAMES: "/icd.json", TMPDIR: "/tmp" };
    expect(environmentOf(all, ["MODE", "ABSENT"], { temporary: "/own", threads: 2 })).toEqual({
      PATH: "/bin",
      MODE: "m",
      VK_ICD_FILENAMES: "/icd.json",
      TMPDIR: "/own",
      TMP: "/own",
      TEMP: "/own",
      PIPELINE_THREADS: "2",
    });
    expect(environmentOf({ PIPELINE_THREADS: "7" }, [], { temporary: "/own", threads: 2 }).PIPELINE_THREADS).toBe("7");
    expect(BASE_VARIABLES).not.toContain("NODE_OPTIONS");
  });

  it("places what reads: and writes: name", () => {
    const environment = { HOME: "/home/me", MIRROR: "file:///data", CACHE: "/cache", WEB: "https://example.org" };
    const place = (path: string): string | undefined => placeOf(path, "/study", environment);
    expect(place("~/.cache/x")).toBe("/home/me/.cache/x");
    expect(place("${env.MIRROR}")).toBe("/data");
    expect(place("${env.CACHE}/x")).toBe("/cache/x");
    expect(place("/dev")).toBe("/dev");
    expect(place("big/data")).toBe("/study/big/data");
    for (const path of ["${env.WEB}/x", "${env.UNSET}/x"]) expect(place(path)).toBe(undefined);
  });

  it("may name a folder by path or by file: URL", () => {
    expect(pathIn("/data/mirror")).toBe("/data/mirror");
    expect(pathIn("file:///data/my%20mirror")).toBe("/data/my mirror");
    for (const value of ["https://example.org/", "relative", "", undefined]) expect(pathIn(value)).toBe(undefined);
  });
});

describe("an error of the file system", () => {
  const error = (code: string): Error =>
    Object.assign(new Error(`${code}: it says`), { code, syscall: "write", path: "/x" });

  it("is a sentence; a bug is none", () => {
    expect(explainIo(error("ENOSPC"), "writing")?.reason).toBe("disk-full");
    expect(explainIo(error("EROFS"), "writing")?.reason).toBe("not-writable");
    expect(explainIo(error("EMFILE"), "writing")?.reason).toBe("too-many-open-files");
    expect(explainIo(error("ENAMETOOLONG"), "writing")?.reason).toBe("name-too-long");
    expect(explainIo(error("EIO"), "writing")?.reason).toBe("io-error");
    expect(explainIo(new TypeError("x is undefined"), "writing")).toBe(undefined);
    expect(explainIo(Object.assign(new Error("denied"), { code: "ERR_ACCESS_DENIED" }), "writing")).toBe(undefined);
  });
});

describe("paths of the store", () => {
  it("keep a long instance's log within a file name", () => {
    const long = `train@${"k=1,".repeat(100)}` as InstanceName;
    expect(logPath("train@eta=0.5" as InstanceName)).toBe(".pipeline/logs/train@eta=0.5.log");
    expect(logPath(long).length).toBeLessThan(240);
    expect(logPath(long)).not.toBe(logPath(`${long}k=2` as InstanceName));
  });

  it("clear away what dead processes left, and nothing of living ones", () => {
    const { root } = makeWorkspace();
    const living = openStore(root);
    living.scratch("x");
    const own = join(root, ".pipeline/tmp");
    mkdirSync(join(own, "elsewhere~1~1~0"));
    // A number beyond any process.
    const dead = join(own, `${encodeURIComponent(hostname())}~4194399~1~0`);
    mkdirSync(dead);
    const other = openStore(root);
    const path = other.scratch("y");
    writeFileSync(path, "");
    expect(() => mkdirSync(dead)).not.toThrow();
    expect(() => mkdirSync(join(own, "elsewhere~1~1~0"))).toThrow("EEXIST");
    other.close();
    expect(() => writeFileSync(living.scratch("z"), "")).not.toThrow();
  });
});

describe("an out's schema", () => {
  const safetensors = (header: object, bytes: number): Buffer => {
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    return Buffer.concat([length, text, Buffer.alloc(bytes)]);
  };

  it("sees a safetensors file as tensors and metadata, and refuses a truncated one", async () => {
    const schema = {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      properties: {
        tensors: { required: ["theta"], properties: { theta: { properties: { dtype: { const: "F32" } } } } },
        metadata: { required: ["name"] },
      },
    };
    const workspace = makeWorkspace({ "schemas/run.schema.json": JSON.stringify(schema) });
    const schemas = [{ path: "schemas/run.schema.json", digest: digestOf(JSON.stringify(schema)) }];
    const { validate } = openValidator(workspace.root);
    const check = (bytes: Buffer): Promise<string | undefined> => {
      workspace.write("x.safetensors", bytes);
      return validate(workspace.path("x.safetensors"), "artifacts/x.safetensors", schemas);
    };
    const header = { __metadata__: { name: "x" }, theta: { dtype: "F32", shape: [2], data_offsets: [0, 8] } };
    expect(await check(safetensors(header, 8))).toBe(undefined);
    expect(await check(safetensors({ ...header, theta: { ...header.theta, dtype: "F64" } }, 8))).toMatch(
      /tensors\.theta\.dtype must be equal to constant/,
    );
    expect(await check(safetensors({ ...header, __metadata__: {} }, 8))).toMatch(
      /metadata must have required property 'name'/,
    );
    expect(await check(safetensors(header, 7))).toMatch(/its tensors end at byte/);
    expect(await check(Buffer.alloc(4))).toBe("it is shorter than a safetensors header");
    expect(await check(safetensors(header, 8).subarray(0, 20))).toMatch(/its header says/);
  });

  it("may refer to other schemas beside it", async () => {
    const workspace = makeWorkspace({
      "schemas/run.schema.json": JSON.stringify({
        properties: { loss: { $ref: "common.schema.json#/$defs/positive" } },
      }),
      "schemas/common.schema.json": JSON.stringify({ $defs: { positive: { type: "number", exclusiveMinimum: 0 } } }),
    });
    const schemas = ["schemas/run.schema.json", "schemas/common.schema.json"].map((path) => ({
      path,
      digest: digestOf(workspace.read(path)),
    }));
    const { validate } = openValidator(workspace.root);
    workspace.write("x.json", '{ "loss": -1 }');
    expect(await validate(workspace.path("x.json"), "artifacts/x.json", schemas)).toBe("loss must be > 0, and is -1");
    workspace.write("x.json", "{ loss");
    expect(await validate(workspace.path("x.json"), "artifacts/x.json", schemas)).toMatch(/^it is no JSON/);
    workspace.write("x.txt", "1");
    expect(await validate(workspace.path("x.txt"), "artifacts/x.txt", schemas)).toMatch(/^schemas can check/);
  });
});
