import { expect, it } from "vitest";
import { createLiveReporter } from "../../src/reporters/live.ts";
import { createPalette } from "../../src/reporters/palette.ts";
import { createVirtualTerminal } from "./virtual-terminal.ts";

it("the live view says what is still to be sent, until it is sent", () => {
  const terminal = createVirtualTerminal(100, 20);
  let tick = (): void => undefined;
  const clock = {
    now: () => 0,
    every(_: number, next: () => void) {
      tick = next;
      return () => undefined;
    },
  };
  const screen = { write: terminal.write, palette: createPalette(false), rerun: () => "" };
  const reporter = createLiveReporter({ ...screen, columns: () => 100, rows: () => 20 }, clock);
  reporter.emit({
    type: "plan",
    profile: "quick",
    instances: 1,
    platform: "",
    stages: [{ stage: "one", instances: 1 }],
  });
  reporter.emit({ type: "remote-flush", results: 12, bytes: 3_400_000 });
  tick();
  expect(terminal.rows().join("\n")).toContain(
    "sending 12 results to the remote cache, 3.4 MB left · Ctrl-C leaves them here",
  );
  reporter.emit({ type: "remote-flush", results: 0, bytes: 0 });
  tick();
  expect(terminal.rows().join("\n")).not.toContain("sending");
  reporter.close();
});
