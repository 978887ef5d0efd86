import { existsSync } from "node:fs";
import { mayHaveGpu, softwareVulkanDriver } from "../../src/runtimes/hardware.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import type { DeviceName, Runtime } from "../../src/runtimes/runtime.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";

/** SwiftShader, Vulkan on the CPU: `apt-get install chromium libvulkan1` brings it, and WebGPU is tested without a GPU. */
export const SOFTWARE_VULKAN = "/usr/lib/chromium/vk_swiftshader_icd.json";

/**
 * Opens a device for a test file, or says why not: a missing runtime is named as skipped, never passed over. WebGPU takes
 * the hardware or the Vulkan driver that the environment names, else the software one above.
 */
export async function openForTest(device: DeviceName): Promise<Runtime | { readonly skipped: string }> {
  if (device === "onnx:webgpu" && !mayHaveGpu() && softwareVulkanDriver() === undefined) {
    if (!existsSync(SOFTWARE_VULKAN))
      return skip(device, "no GPU, and no software Vulkan: apt-get install chromium libvulkan1");
    // Read by the Vulkan loader when the first device is opened, in this process.
    process.env.VK_DRIVER_FILES = SOFTWARE_VULKAN;
    process.env.VK_ICD_FILENAMES = SOFTWARE_VULKAN;
  }
  const runtime = await openRuntime(device);
  return isUnavailable(runtime) ? skip(device, `${runtime.message} ${runtime.remedy}`) : runtime;
}

function skip(device: DeviceName, reason: string): { readonly skipped: string } {
  console.warn(`skipped ${device}: ${reason}`);
  return { skipped: reason };
}
