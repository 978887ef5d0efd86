import { describe, expect, it } from "vitest";
import { chooseReporter } from "../../src/reporters/choose.ts";
import { createPalette, wantsColour } from "../../src/reporters/palette.ts";

describe.skipIf(process.platform === "win32")("a terminal of which nothing is known", () => {
  const writtenTo = (TERM: string | undefined): string => {
    let text = "";
    const reporter = chooseReporter(
      { json: false, isTerminal: true, TERM },
      {
        write: (more) => {
          text += more;
        },
        palette: createPalette(false),
        columns: () => 80,
        rows: () => 24,
        rerun: (instance) => instance,
      },
    );
    reporter.emit({
      type: "plan",
      profile: "default",
      instances: 1,
      platform: "",
      stages: [{ stage: "a", instances: 1 }],
    });
    reporter.emit({ type: "summary", ran: 1, restored: 0, fresh: 0, failed: 0, skipped: 0, seconds: 1 });
    reporter.close();
    return text;
  };

  it.each([undefined, "", "dumb"])("TERM=%s: gets lines, without colours and cursor movements", (TERM) => {
    expect(writtenTo(TERM)).not.toContain("\u001b");
    expect(wantsColour(undefined, { TERM }, true)).toBe(false);
  });

  it("others get the live view", () => {
    expect(writtenTo("xterm")).toContain("\u001b[?2026h");
    expect(wantsColour(undefined, { TERM: "xterm" }, true)).toBe(true);
  });
});
