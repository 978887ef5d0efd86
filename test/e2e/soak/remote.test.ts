import { describe, expect, it } from "vitest";
import { type Fault, startCacheServer } from "../../rig/cache-server.ts";
import type { Outcome, Workspace } from "../../rig/workspace.ts";
import { artifactsOf, COUNT, expectedOf, full, makeLayers, randomOf } from "./layers.ts";

const MINUTES = full ? Number(process.env.SOAK_MINUTES ?? 30) : 0;
const LEAST_ROUNDS = 3;
const SEED = 20_241_124;
const FAULTS: readonly Fault[] = ["error", "busy", "truncated", "wrong-bytes", "breaks-off", { status: 404 }];
/** What is odd and not wrong. */
const ODDITIES: readonly Fault[] = ["gzip", "chunked", "endless", "endless-cut"];
const REFUSALS: readonly Fault[] = [400, 413, 507].map((status) => ({ status }));

describe(`two drivers on one cache that fails at random${full ? ", half an hour" : " (SOAK=full: half an hour)"}`, () => {
  it("make no wrong artifact and lose nothing", { timeout: 3_600_000 }, async () => {
    const server = await startCacheServer();
    const random = randomOf(SEED);
    // Up to every fifth answer is wrong in some way; a blob may be lost for good.
    let rate = 0;
    server.fault = ({ method, path }) => {
      if (random() >= rate) return undefined;
      if (path.startsWith("cas/") && random() < 0.1) server.entries.delete(path);
      const faults = [...FAULTS, ...(method === "PUT" ? REFUSALS : ODDITIES)];
      return faults[Math.floor(random() * faults.length)];
    };
    const drivers = [makeLayers(), makeLayers()];
    // The counter of executions is part of the commands: one text, so that both ask for the same.
    drivers[1]!.write("pipeline.yaml", drivers[0]!.read("pipeline.yaml"));
    const env = { PIPELINE_REMOTE_CACHE: server.url, PIPELINE_REMOTE_TIMEOUT: "2" };
    const until = performance.now() + MINUTES * 60_000;
    let [hits, ran, rounds, looks, stops] = [0, 0, 0, 0, 0];
    /** Sometimes asks first what a run would do, and sometimes is stopped as soon as something is done. */
    const drive = async (driver: Workspace, args: readonly string[]): Promise<Outcome> => {
      if (random() < 0.15) {
        looks++;
        const { code, stderr } = await driver.runWith({ env }, "status", ...args);
        expect(code, stderr).toBe(0);
      }
      if (random() < 0.15) {
        const running = driver.start({ env }, "run", "--json", ...args);
        await running.printed(/"type":"(ran|restored)"/).catch(() => undefined);
        running.kill("SIGINT");
        const { code, stderr } = await running.ended;
        expect([0, 130], stderr).toContain(code);
        if (code === 130) stops++;
      }
      return driver.runWith({ env }, "run", "--json", ...args);
    };
    for (; rounds < LEAST_ROUNDS || performance.now() < until; rounds++) {
      rate = random() * 0.2;
      const salt = Math.floor(random() * (rounds + 1));
      const ended = await Promise.all(
        drivers.map((driver) => {
          if (random() < 0.5) driver.remove(".pipeline");
          if (random() < 0.5) driver.remove("artifacts");
          return drive(driver, ["--set", `salt=${salt}`]);
        }),
      );
      for (const [index, { code, summary, stderr }] of ended.entries()) {
        expect(code, stderr).toBe(0);
        expect(summary).toMatchObject({ failed: 0, skipped: 0 });
        expect(summary!.ran + summary!.restored + summary!.fresh).toBe(COUNT);
        expect(artifactsOf(drivers[index]!)).toEqual(expectedOf(salt));
        hits += summary!.remote!.hits;
        ran += summary!.ran;
      }
    }
    expect(hits).toBeGreaterThan(0);
    expect(ran).toBeGreaterThan(0);
    console.log(
      `${rounds} rounds: ${ran} ran, ${hits} found in the cache, ${server.seen.length} requests; asked for the status ${looks} times, stopped ${stops} times`,
    );
    // What the cache holds is right, whatever has happened on the way.
    rate = 0;
    const [first, second] = drivers;
    const last = ["--set", "salt=4711"];
    expect((await first!.runWith({ env }, "run", "--json", ...last)).summary).toMatchObject({ ran: COUNT });
    second!.remove(".pipeline");
    expect((await second!.runWith({ env }, "run", "--json", ...last)).summary).toMatchObject({ ran: 0 });
    expect(artifactsOf(second!)).toEqual(expectedOf(4711));
    for (const driver of drivers) expect((await driver.run("cache", "check")).code).toBe(0);
    const checked = await second!.runWith({ env }, "cache", "check", "--remote-results", "--full", "--json", ...last);
    expect(JSON.parse(checked.stdout)).toMatchObject({ results: COUNT, missing: [], problems: [] });
  });
});
