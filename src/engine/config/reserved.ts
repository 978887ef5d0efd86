import { posix } from "node:path";

/** What is not the study's to write: git's, npm's and the pipeline's own. */
const FOLDERS = [".git", ".pipeline", "node_modules"];
const FILES = ["pipeline.yaml", "pipeline.lock"];

/** The reserved file or folder that a workspace-relative path is, or lies in. */
export function reservedAt(path: string): string | undefined {
  // Some file systems take `.GIT` for `.git`.
  const normal = posix.normalize(path).replace(/\/$/, "").toLowerCase();
  return FOLDERS.find((name) => normal.split("/")[0] === name) ?? FILES.find((name) => normal === name);
}
