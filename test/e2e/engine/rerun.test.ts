import { describe, expect, it } from "vitest";
import { makeWorkspace } from "../../rig/workspace.ts";

describe("verify --rerun whose second run fails", () => {
  it("counts what could not be compared, and tells it in JSON as well", async () => {
    const workspace = makeWorkspace();
    // Fails wherever the file is: that is no dep, so that the results stay what is recorded.
    const broken = `'${workspace.path("broken")}'`;
    workspace.write(
      "pipeline.yaml",
      `version: 1
stages:
  a: { matrix: { n: [1, 2, 3] }, cmd: "test ! -e ${broken} -o \${n} = 1 && echo \${n} > \${outs.o}", outs: { o: "\${n}.txt" } }
  b: { cmd: "echo b > \${outs.o}", outs: { o: b.txt } }
`,
    );
    expect((await workspace.run("run")).code).toBe(0);
    workspace.write("broken", "");
    const told = await workspace.runWith({ cwd: ".." }, "-C", "workspace", "verify", "--rerun");
    expect(told.code).toBe(1);
    expect(told.stdout).toBe("a  could not be compared\n2 instances identical, 2 instances could not be compared\n");
    expect(told.stderr).toContain("run it alone: npx pipeline -C workspace run a@n=2\n");
    const { code, stdout } = await workspace.run("verify", "--rerun", "a", "--json");
    expect(code).toBe(1);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { instance: "a@n=1", state: "same", details: [] },
      { instance: "a@n=2", state: "not-compared", details: [] },
      { instance: "a@n=3", state: "not-compared", details: [] },
    ]);
  });
});
