import { readdirSync } from "node:fs";
import { cpus } from "node:os";
import { basename, join } from "node:path";
import { isThere, readIfThere } from "./packages.ts";

/** What the operating system tells about processors, without loading a driver. */

const NVIDIA_NODE = "/dev/nvidia0";
const DRM_FOLDER = "/dev/dri";

/** Device nodes of GPUs, on Linux; elsewhere the system does not show them as files. */
export function renderNodes(): string[] {
  const nodes = isThere(NVIDIA_NODE) ? [NVIDIA_NODE] : [];
  return [
    ...nodes,
    ...list(DRM_FOLDER).flatMap((name) => (name.startsWith("renderD") ? [join(DRM_FOLDER, name)] : [])),
  ];
}

/** Paths whose appearance or change may bring or take a GPU. */
export const GPU_NODES: readonly string[] = [NVIDIA_NODE, DRM_FOLDER];

export function hasNvidiaGpu(): boolean {
  return isThere(NVIDIA_NODE);
}

/** Whether there may be a GPU at all: macOS and Windows machines have one, Linux shows a node for it. */
export function mayHaveGpu(): boolean {
  return process.platform !== "linux" || renderNodes().length > 0;
}

/** The Vulkan driver file of a software renderer that the environment names, if it does. */
export function softwareVulkanDriver(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"].flatMap((name) =>
    (env[name] ?? "").split(":").filter((path) => path !== ""),
  );
  return named
    .map((path) => basename(path))
    .find((name) => /swiftshader|lvp|lavapipe|llvmpipe|softpipe|mock/i.test(name));
}

/** The GPU's name where the system tells it: NVIDIA's driver does, others give their PCI ids. */
export function gpuName(): string | undefined {
  const software = softwareVulkanDriver();
  if (software !== undefined) return `software (${software})`;
  const root = "/proc/driver/nvidia/gpus";
  for (const gpu of list(root).sort()) {
    const model = /^Model:\s*(.+)$/m.exec(readIfThere(join(root, gpu, "information")) ?? "");
    if (model?.[1] !== undefined) return model[1].trim();
  }
  for (const node of list(DRM_FOLDER).sort()) {
    const device = join("/sys/class/drm", node, "device");
    const [vendor, id] = ["vendor", "device"].map((file) =>
      (readIfThere(join(device, file)) ?? "").trim().replace(/^0x/, ""),
    );
    if (node.startsWith("renderD") && vendor !== "" && id !== "") return `PCI ${vendor}:${id}`;
  }
  return undefined;
}

/** NVIDIA's driver version as an entry of a runtime's versions, where its kernel module is loaded. */
export function driverVersion(): { readonly "nvidia-driver"?: string } {
  const version = /Kernel Module\s+(?:for \S+\s+)?([\d.]+)/.exec(readIfThere("/proc/driver/nvidia/version") ?? "")?.[1];
  return version === undefined ? {} : { "nvidia-driver": version };
}

/** For provenance only: bits were the same on every CPU tried, but nobody promises it. */
export function cpuName(): string {
  return cpus()[0]?.model.trim() ?? "unknown";
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
