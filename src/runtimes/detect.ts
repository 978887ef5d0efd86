import { gpuName, hasNvidiaGpu, mayHaveGpu, softwareVulkanDriver } from "./hardware.ts";
import { onnxVersions, requireDevice } from "./onnx/package.ts";
import { type ProbeFailure, probeTensorflowCuda, probeWebgpu, type WebgpuProbe } from "./probe.ts";
import { REFERENCE_VERSIONS } from "./reference.ts";
import type { DeviceName, RuntimeUnavailable } from "./runtime.ts";
import { findTensorflow, SETUP_TENSORFLOW, tensorflowVersions } from "./tensorflow-package.ts";
import { unavailable } from "./unavailable.ts";

export interface DeviceReport {
  readonly device: DeviceName;
  readonly ready: boolean;
  /** What is there, or what is missing. */
  readonly detail: string;
  /** How to get it, where it is missing and can be had. */
  readonly remedy?: string;
}

/** A device that was chosen and is there. */
export interface ChosenDevice {
  readonly device: DeviceName;
  /** The GPU's name, where it is one and the system tells. */
  readonly hardware: string | undefined;
  readonly versions: Readonly<Record<string, string>>;
}

/** Sides of the square matrices that are multiplied to see whether a GPU computes, and whether it is worth it. */
const SIDE_CHECKED = 64;
const SIDE_TIMED = 1024;

const WEBGPU_REMEDY = "Install the GPU's Vulkan driver and the loader (Debian: apt-get install libvulkan1).";

/** Every device of every runtime, ready or not: what `pipeline doctor` prints. GPUs are probed in child processes. */
export async function detectDevices(): Promise<DeviceReport[]> {
  const onnx = ready("onnx:cpu", requireDevice("cpu"), () => describe(onnxVersions("cpu")));
  const cuda = ready("onnx:cuda", requireDevice("cuda"), () =>
    hasNvidiaGpu() ? (gpuName() ?? "an NVIDIA GPU") : "the provider is installed",
  );
  const reference: DeviceReport = { device: "reference:cpu", ready: true, detail: "float64 in TypeScript, slow" };
  return [onnx, await reportWebgpu(), cuda, reportTensorflow(), await reportTensorflowCuda(), reference];
}

/**
 * The device that was asked for (`onnx:webgpu`, `tensorflow`, `reference` …) or, unasked, the fastest one of hardware:
 * TensorFlow where it sees a CUDA device, else WebGPU on a GPU that beats this machine's cores, else `onnx:cpu`.
 * A wanted device that is missing is never replaced, and a software GPU is taken only when asked for.
 */
export async function chooseDevice(wanted: string | undefined): Promise<ChosenDevice | RuntimeUnavailable> {
  switch (wanted) {
    case undefined:
    case "":
      return (await tensorflowCuda()) ?? (await fastWebgpu()) ?? onnxCpu();
    case "onnx":
      return (await fastWebgpu()) ?? onnxCpu();
    case "onnx:cpu":
      return onnxCpu();
    case "onnx:webgpu": {
      const report = await reportWebgpu();
      return report.ready ? chosen("onnx:webgpu") : missing(report);
    }
    case "onnx:cuda":
      return requireDevice("cuda") ?? chosen("onnx:cuda");
    case "tensorflow": {
      const cuda = await tensorflowCuda();
      const report = reportTensorflow();
      return cuda ?? (report.ready ? chosen("tensorflow:cpu") : missing(report));
    }
    case "tensorflow:cpu": {
      const report = reportTensorflow();
      return report.ready ? chosen("tensorflow:cpu") : missing(report);
    }
    case "tensorflow:cuda": {
      const report = await reportTensorflowCuda();
      return report.ready ? chosen("tensorflow:cuda") : missing(report);
    }
    case "reference":
    case "reference:cpu":
      return chosen("reference:cpu");
    default:
      return unavailable(
        `There is no device '${wanted}'.`,
        "Use one of onnx:cpu, onnx:webgpu, onnx:cuda, tensorflow:cpu, tensorflow:cuda, reference, or the bare names onnx and tensorflow for the best of theirs.",
      );
  }
}

/** What decides results besides the program, by device: the runtimes report the same. */
function versionsOf(device: DeviceName): Readonly<Record<string, string>> {
  const [runtime, kind] = device.split(":") as [string, "cpu" | "webgpu" | "cuda"];
  if (runtime === "onnx") return onnxVersions(kind);
  if (runtime === "reference") return REFERENCE_VERSIONS;
  const tensorflow = findTensorflow();
  return tensorflow === undefined ? {} : tensorflowVersions(tensorflow, kind === "cuda" ? "cuda" : "cpu");
}

function chosen(device: DeviceName): ChosenDevice {
  return { device, hardware: device.endsWith(":cpu") ? undefined : gpuName(), versions: versionsOf(device) };
}

function onnxCpu(): ChosenDevice | RuntimeUnavailable {
  return requireDevice("cpu") ?? chosen("onnx:cpu");
}

async function tensorflowCuda(): Promise<ChosenDevice | undefined> {
  return (await reportTensorflowCuda()).ready ? chosen("tensorflow:cuda") : undefined;
}

/** WebGPU where hardware answers, agrees with the CPU, and is the faster one. */
async function fastWebgpu(): Promise<ChosenDevice | undefined> {
  if (!mayHaveGpu() || softwareVulkanDriver() !== undefined || requireDevice("webgpu") !== undefined) return undefined;
  const probe = await probeWebgpu({ side: SIDE_TIMED });
  return "failed" in probe || !agrees(probe) || probe.milliseconds >= probe.cpuMilliseconds
    ? undefined
    : chosen("onnx:webgpu");
}

/** Sums of at most 1,024 products in float32, in another order: far below 1024·2⁻²⁴ in the Frobenius norm. */
function agrees({ distance }: WebgpuProbe): boolean {
  return distance <= SIDE_TIMED * 2 ** -24;
}

async function reportWebgpu(): Promise<DeviceReport> {
  const device = "onnx:webgpu";
  const absent = requireDevice("webgpu");
  if (absent !== undefined) return ready(device, absent, () => "");
  const software = softwareVulkanDriver();
  if (!mayHaveGpu() && software === undefined)
    return { device, ready: false, detail: "This machine shows no GPU.", remedy: WEBGPU_REMEDY };
  const probe: WebgpuProbe | ProbeFailure = await probeWebgpu({ side: SIDE_CHECKED });
  if ("failed" in probe) return { device, ready: false, detail: `No adapter: ${probe.failed}.`, remedy: WEBGPU_REMEDY };
  if (!agrees(probe))
    return {
      device,
      ready: false,
      detail: `Its products differ from the CPU's by ${probe.distance.toExponential(1)}.`,
      remedy: "Update the GPU's driver.",
    };
  return { device, ready: true, detail: `${gpuName() ?? "a GPU"}, ${describe(onnxVersions("webgpu"))}` };
}

function reportTensorflow(): DeviceReport {
  const found = findTensorflow();
  const absent =
    found === undefined
      ? unavailable("TensorFlow's native addon is not built here.", `Run '${SETUP_TENSORFLOW}'.`)
      : undefined;
  return ready("tensorflow:cpu", absent, () => describe(tensorflowVersions(found!, "cpu")));
}

async function reportTensorflowCuda(): Promise<DeviceReport> {
  const device = "tensorflow:cuda";
  if (!hasNvidiaGpu()) return { device, ready: false, detail: "This machine has no NVIDIA GPU." };
  const found = findTensorflow();
  if (found === undefined) return { ...reportTensorflow(), device };
  const remedy = `Run '${SETUP_TENSORFLOW} -- --device cuda --force'.`;
  if (/\bcpu\b/.test(found.origin))
    return { device, ready: false, detail: `TensorFlow here is a CPU build (${found.origin}).`, remedy };
  const probe = await probeTensorflowCuda();
  if ("failed" in probe) return { device, ready: false, detail: probe.failed, remedy };
  return probe.cuda
    ? { device, ready: true, detail: `${gpuName() ?? "an NVIDIA GPU"}, ${describe(tensorflowVersions(found, "cuda"))}` }
    : { device, ready: false, detail: "TensorFlow sees no CUDA device.", remedy };
}

function ready(device: DeviceName, absent: RuntimeUnavailable | undefined, detail: () => string): DeviceReport {
  return absent === undefined
    ? { device, ready: true, detail: detail() }
    : { device, ready: false, detail: absent.message, remedy: absent.remedy };
}

function missing(report: DeviceReport): RuntimeUnavailable {
  const remedy = report.remedy ?? "Use another device: 'pipeline doctor' lists those that are ready.";
  return unavailable(`${report.device} is not ready: ${report.detail}`, remedy);
}

function describe(versions: Readonly<Record<string, string>>): string {
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");
}
