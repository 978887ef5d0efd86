import type { Command } from "./command.ts";

/** Each command is loaded when it is called, with what it alone needs. */
export const COMMANDS: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  run: () => import("./run.ts"),
  status: () => import("./status.ts"),
  plan: () => import("./plan.ts"),
  why: () => import("./why.ts"),
  watch: () => import("./watch.ts"),
  log: () => import("./log.ts"),
  graph: () => import("./graph.ts"),
  report: () => import("./report.ts"),
  diff: () => import("./diff.ts"),
  comment: () => import("./comment.ts"),
  verify: () => import("./verify.ts"),
  gc: () => import("./gc.ts"),
  cache: () => import("./cache.ts"),
  clean: () => import("./clean.ts"),
  doctor: () => import("./doctor.ts"),
};
