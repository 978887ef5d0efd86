import { join, relative, sep } from "node:path";
import type { Store } from "../files/store.ts";
import type { Failure } from "../plan/event.ts";
import { packageRoot } from "../system/build.ts";
import { type CodeReader, isFailure } from "./code-digest.ts";

/** Where stage-host.ts is, as modules are named. */
export function hostSource(workspace: string): string {
  return relative(workspace, join(packageRoot, "src", "engine", "actions", "stage-host.ts"))
    .split(sep)
    .join("/");
}

/** The JavaScript of stage-host.ts, bundled like any stage; it is no ingredient of a key. */
export async function hostModule(store: Store, code: CodeReader): Promise<string | Failure> {
  const host = await code.read(hostSource(store.workspace), "module");
  return isFailure(host) ? host : code.file(host);
}
