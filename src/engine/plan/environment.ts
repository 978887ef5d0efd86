import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Grant } from "./resources.ts";

/** Environment variables by name, as a process sees them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What every action sees beside the variables it declares. None of these decides a result: they say where programs,
 * libraries, drivers and the network are, and how text is encoded. docs/engine.md lists them.
 */
export const BASE_VARIABLES: readonly string[] = [
  // Programs and the user's folders.
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  // Windows cannot start programs without these.
  "SystemRoot",
  "SystemDrive",
  "ComSpec",
  "PATHEXT",
  "USERPROFILE",
  "APPDATA",
  "LOCALAPPDATA",
  "NUMBER_OF_PROCESSORS",
  "PROCESSOR_ARCHITECTURE",
  // Where shared libraries and GPU drivers are.
  "LD_LIBRARY_PATH",
  "DYLD_LIBRARY_PATH",
  "CUDA_HOME",
  "CUDA_PATH",
  "CUDA_VISIBLE_DEVICES",
  "NVIDIA_VISIBLE_DEVICES",
  "NVIDIA_DRIVER_CAPABILITIES",
  "VK_ICD_FILENAMES",
  "VK_DRIVER_FILES",
  "VK_ADD_DRIVER_FILES",
  "VK_LAYER_PATH",
  "XDG_DATA_DIRS",
  "XDG_RUNTIME_DIR",
  // What libraries print.
  "TF_CPP_MIN_LOG_LEVEL",
  // How to reach the network.
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "NODE_USE_ENV_PROXY",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
];

export interface OwnVariables {
  /** A temporary directory of the action's own. */
  readonly temporary: string;
  /** How many threads it may keep busy. No result may depend on it. */
  readonly threads: number;
  readonly grant?: Grant;
  /** Where it keeps what it needs to go on after a kill. */
  readonly resume?: string | undefined;
}

/** The environment of an action: the base list, what it declares, and what the engine gives to it alone. */
export function environmentOf(
  environment: Environment,
  declared: readonly string[],
  own: OwnVariables | undefined,
): Record<string, string> {
  const chosen: Record<string, string> = {};
  for (const name of [...BASE_VARIABLES, ...TEMPORARY, THREADS, ...declared]) {
    const value = environment[name];
    if (value !== undefined) chosen[name] = value;
  }
  if (own !== undefined) {
    for (const name of TEMPORARY) if (!declared.includes(name)) chosen[name] = own.temporary;
    // A number that the user sets goes before ours.
    chosen[THREADS] ??= String(own.threads);
    if (own.resume !== undefined) chosen.PIPELINE_RESUME = own.resume;
    const { gpus = [] } = own.grant ?? {};
    if (gpus.length > 0) Object.assign(chosen, gpuVariables(gpus, environment));
  }
  return chosen;
}

const TEMPORARY = ["TMPDIR", "TMP", "TEMP"];
const THREADS = "PIPELINE_THREADS";

/**
 * A path as `reads:` and `writes:` have it: absolute, relative to the workspace, below `~/`, or beginning with
 * `${env.NAME}`, whose value is a path or a `file:` URL; `undefined` when it is neither (unset, an `https:` URL).
 */
export function placeOf(path: string, workspace: string, environment: Environment): string | undefined {
  const [, name, rest = ""] = /^\$\{env\.([^}]+)\}(.*)$/.exec(path) ?? [];
  if (name !== undefined) {
    const value = pathIn(environment[name]);
    return value === undefined ? undefined : join(value, rest);
  }
  if (path === "~" || path.startsWith("~/")) return join(environment.HOME ?? homedir(), path.slice(1));
  return resolve(workspace, path);
}

/** The folder or file that a variable's value points to: an absolute path or a `file:` URL. */
export function pathIn(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (value.startsWith("/") || /^[A-Za-z]:[\\/]/.test(value)) return value;
  if (!value.startsWith("file:")) return undefined;
  try {
    return decodeURIComponent(new URL(value).pathname);
  } catch {
    return undefined;
  }
}

/** What tells a program which of the devices are its own. */
function gpuVariables(gpus: readonly string[], environment: Environment): Record<string, string> {
  const ids = gpus.join(",");
  const isCuda = gpus.every((id) => /^(\d+|(GPU|MIG)-[\w/-]+)$/.test(id));
  return {
    PIPELINE_GPUS: ids,
    // CUDA counts by speed unless told to count as nvidia-smi does.
    ...(isCuda ? { CUDA_VISIBLE_DEVICES: ids, CUDA_DEVICE_ORDER: environment.CUDA_DEVICE_ORDER ?? "PCI_BUS_ID" } : {}),
  };
}
