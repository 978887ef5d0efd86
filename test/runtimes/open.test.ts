import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { permissionFlags } from "../../src/engine/actions/sandbox.ts";
import { chooseDevice, detectDevices } from "../../src/runtimes/detect.ts";
import { mayHaveGpu, softwareVulkanDriver } from "../../src/runtimes/hardware.ts";
import { requireDevice } from "../../src/runtimes/onnx/package.ts";
import { defaultThreads, openRuntime } from "../../src/runtimes/open.ts";
import type { DeviceName } from "../../src/runtimes/runtime.ts";
import { findTensorflow } from "../../src/runtimes/tensorflow-package.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";
import platform from "../../stages/platform.ts";
import { childBundle } from "../rig/child-bundle.ts";
import { SOFTWARE_VULKAN } from "./devices.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const bundle = childBundle(join(root, "test/runtimes/children/open.ts"));

/**
 * Opens a device as a stage does: in a process of its own under the permission model, which may read packages and write
 * nothing. Its home and temporary folder are new and empty; native code could write there all the same.
 */
function openInChild(device: DeviceName): {
  readonly sum: number;
  readonly libraries: string;
  readonly left: readonly string[];
  readonly stdout: string;
} {
  const home = mkdtempSync(join(tmpdir(), "home-"));
  try {
    const flags = permissionFlags({ reads: [join(root, "node_modules")], writes: [] });
    const child = spawnSync(process.execPath, [...flags, bundle, device], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, PIPELINE_THREADS: "1" },
    });
    if (child.status !== 0) throw new Error(child.stderr);
    const { sum, libraries } = JSON.parse(child.stdout) as {
      readonly sum: number;
      readonly libraries: readonly string[];
    };
    const left = readdirSync(home, { recursive: true, encoding: "utf8" });
    return { sum, libraries: libraries.join("\n"), left, stdout: child.stdout };
  } finally {
    rmSync(home, { recursive: true });
  }
}

describe("opening a runtime", () => {
  it("onnx:cpu leaves no telemetry in home or temporary folder, and loads no TensorFlow", () => {
    const { sum, libraries, left } = openInChild("onnx:cpu");
    expect(sum).toBe(42);
    expect(left).toEqual([]);
    expect(libraries).toContain("libonnxruntime");
    expect(libraries).not.toContain("libtensorflow");
  });

  it("reference loads no native library of ours", () => {
    const { sum, libraries, left } = openInChild("reference:cpu");
    expect(sum).toBe(42);
    expect(left).toEqual([]);
    expect(libraries).not.toMatch(/libonnxruntime|libtensorflow/);
  });

  const tensorflow = findTensorflow();
  if (tensorflow === undefined) console.warn("skipped tensorflow: its addon is not built (npm run setup:tensorflow)");
  it.skipIf(tensorflow === undefined)(
    "tensorflow loads no ONNX Runtime and says nothing on stdout (needs its addon)",
    () => {
      const { sum, libraries, left, stdout } = openInChild("tensorflow:cpu");
      expect(sum).toBe(42);
      expect(left).toEqual([]);
      expect(stdout.startsWith("{")).toBe(true);
      expect(libraries).toContain("libtensorflow");
      expect(libraries).not.toContain("libonnxruntime");
    },
  );

  it("answers a device that cannot be here with what is missing and how to get it", async () => {
    const unknown = await openRuntime("onnx:tpu" as DeviceName);
    expect(isUnavailable(unknown) && unknown.message).toBe("No runtime serves onnx:tpu.");
    const absent = requireDevice("cuda");
    if (absent === undefined) return;
    expect(await openRuntime("onnx:cuda")).toEqual(absent);
    expect(absent.remedy).toMatch(/onnxruntime-node-install|webgpu/);
  });

  it("takes the number of threads from PIPELINE_THREADS, else all cores", () => {
    expect(defaultThreads({ PIPELINE_THREADS: "3" })).toBe(3);
    expect(defaultThreads({})).toBe(availableParallelism());
    expect(() => defaultThreads({ PIPELINE_THREADS: "many" })).toThrow(/PIPELINE_THREADS.*'many'/);
  });
});

/** Names one Vulkan driver to this process and its children, as a user would. */
async function withVulkanDriver(file: string, body: () => Promise<void>): Promise<void> {
  const names = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];
  const before = names.map((name) => process.env[name]);
  for (const name of names) process.env[name] = file;
  try {
    await body();
  } finally {
    names.forEach((name, i) => {
      if (before[i] === undefined) delete process.env[name];
      else process.env[name] = before[i];
    });
  }
}

describe("choosing a device", () => {
  it("knows software Vulkan drivers by the environment that names them", () => {
    expect(softwareVulkanDriver({ VK_ICD_FILENAMES: "/usr/lib/chromium/vk_swiftshader_icd.json" })).toMatch(
      /swiftshader/,
    );
    expect(softwareVulkanDriver({ VK_DRIVER_FILES: "/a/nvidia_icd.json:/b/lvp_icd.x86_64.json" })).toMatch(/lvp/);
    expect(softwareVulkanDriver({ VK_DRIVER_FILES: "/a/nvidia_icd.json" })).toBeUndefined();
    expect(softwareVulkanDriver({})).toBeUndefined();
  });

  it("never takes a software GPU unasked, and onnx:cpu where there is no other", async () => {
    await withVulkanDriver(SOFTWARE_VULKAN, async () => {
      for (const wanted of [undefined, "", "onnx"]) {
        const chosen = await chooseDevice(wanted);
        expect(isUnavailable(chosen)).toBe(false);
        if (!isUnavailable(chosen)) expect(chosen.device).not.toBe("onnx:webgpu");
        if (!mayHaveGpu()) expect(chosen).toMatchObject({ device: "onnx:cpu", hardware: undefined });
      }
    });
  });

  it("takes what is asked for by its name, in full or in short", async () => {
    expect(await chooseDevice("onnx:cpu")).toMatchObject({ device: "onnx:cpu", versions: { provider: "cpu" } });
    expect(await chooseDevice("reference")).toMatchObject({ device: "reference:cpu" });
  });

  it("refuses what it does not know or have, naming the remedy", async () => {
    expect(await chooseDevice("abacus")).toMatchObject({
      reason: "runtime-unavailable",
      message: "There is no device 'abacus'.",
      remedy: expect.stringContaining("onnx:cpu"),
    });
    const cuda = await chooseDevice("tensorflow:cuda");
    if (isUnavailable(cuda)) expect(cuda.message).toMatch(/tensorflow:cuda is not ready/);
  });

  const software = existsSync(SOFTWARE_VULKAN);
  if (!software) console.warn("skipped software Vulkan: apt-get install chromium libvulkan1");
  it.skipIf(!software)(
    "takes a software GPU that is asked for, and calls it that (needs software Vulkan)",
    async () => {
      await withVulkanDriver(SOFTWARE_VULKAN, async () => {
        expect(await chooseDevice("onnx:webgpu")).toMatchObject({
          device: "onnx:webgpu",
          hardware: "software (vk_swiftshader_icd.json)",
          versions: { provider: "webgpu" },
        });
      });
    },
  );

  it("says so where WebGPU finds no adapter", async () => {
    await withVulkanDriver("/nonexistent/swiftshader_icd.json", async () => {
      const chosen = await chooseDevice("onnx:webgpu");
      expect(isUnavailable(chosen) && chosen.message).toMatch(/onnx:webgpu is not ready: No adapter/);
    });
  });

  it("reports every device once, and a missing one with a reason", async () => {
    const reports = await detectDevices();
    expect(reports.map(({ device }) => device)).toEqual([
      "onnx:cpu",
      "onnx:webgpu",
      "onnx:cuda",
      "tensorflow:cpu",
      "tensorflow:cuda",
      "reference:cpu",
    ]);
    for (const { detail } of reports) expect(detail).not.toBe("");
  });

  it("reports the versions that the opened runtime has", async () => {
    for (const device of ["onnx:cpu", "reference:cpu"] as const) {
      const [chosen, runtime] = [await chooseDevice(device), await openRuntime(device)];
      if (isUnavailable(chosen) || isUnavailable(runtime)) throw new Error(`${device} is always there`);
      expect(chosen.versions).toEqual(runtime.versions);
      await runtime.dispose();
    }
  });
});

describe("the platform module", () => {
  it("tells runtime, device and versions, and watches what may change them", async () => {
    const found = await platform.probe({ PIPELINE_DEVICE: "onnx:cpu" });
    if ("reason" in found) throw new Error(found.message);
    expect(found.facts).toMatchObject({ runtime: "onnx", device: "onnx:cpu", versions: { optimization: "basic" } });
    expect(found.watched).toContain("/dev/nvidia0");
    expect(found.watched.some((path) => path.endsWith("onnxruntime_binding.node"))).toBe(true);
  });

  it("fails on a device that is not there, with the remedy", async () => {
    expect(await platform.probe({ PIPELINE_DEVICE: "abacus" })).toMatchObject({
      reason: "platform-unavailable",
      message: expect.stringContaining("abacus"),
      remedy: expect.stringContaining("onnx:cpu"),
    });
  });
});
