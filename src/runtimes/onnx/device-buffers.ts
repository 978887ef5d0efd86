import type * as ort from "onnxruntime-node";
import type { Aval, Tensor } from "../../programs/tensor.ts";
import type { DeviceTensor } from "../runtime.ts";
import type { OnnxModel } from "./model.ts";
import { createSession, fromOrt, toOrt } from "./session.ts";

/** Tensors that stay in a WebGPU device's memory between runs. */
export interface DeviceBuffers {
  upload(tensor: Tensor): Promise<DeviceTensor>;
  /** Takes over an output that a session left on the device. */
  hold(value: ort.Tensor, aval: Aval): DeviceTensor;
  /** The session input behind a device tensor of ours. */
  held(tensor: DeviceTensor): ort.Tensor | undefined;
  dispose(): Promise<void>;
}

/**
 * Two sessions of one `Identity` each carry tensors of any shape across the border: reading a device tensor's data
 * directly (`getData`) aborts the process in onnxruntime-node 1.30. Throws where WebGPU has no adapter.
 */
export async function openDeviceBuffers(api: typeof ort, threads: number): Promise<DeviceBuffers> {
  const settings = { device: "webgpu", threads } as const;
  const toDevice = await createSession(api, IDENTITY, { ...settings, outputsOnDevice: true });
  const toHost = await createSession(api, IDENTITY, { ...settings, outputsOnDevice: false });
  const values = new WeakMap<DeviceTensor, ort.Tensor>();

  const held = (tensor: DeviceTensor): ort.Tensor | undefined => values.get(tensor);
  const hold = (value: ort.Tensor, { dtype, shape }: Aval): DeviceTensor => {
    const tensor: DeviceTensor = {
      dtype,
      shape,
      async read() {
        const source = held(tensor);
        if (source === undefined) throw new Error("this device tensor was disposed");
        const [copy] = await toHost.run([source]);
        return fromOrt(copy!, tensor);
      },
      dispose() {
        values.get(tensor)?.dispose();
        values.delete(tensor);
      },
    };
    values.set(tensor, value);
    return tensor;
  };
  return {
    async upload(tensor) {
      const [value] = await toDevice.run([toOrt(api, tensor, "webgpu")]);
      return hold(value!, tensor);
    },
    hold,
    held,
    async dispose() {
      await toDevice.release();
      await toHost.release();
    },
  };
}

const ANY = { dtype: "f32", shape: undefined } as const;

/** One `Identity` on float32 tensors of any shape. */
export const IDENTITY: OnnxModel = {
  name: "identity",
  inputs: [{ name: "x", ...ANY }],
  outputs: [{ name: "y", ...ANY }],
  initializers: [],
  nodes: [{ op: "Identity", domain: "", inputs: ["x"], outputs: ["y"], attributes: {} }],
  maxThreads: Number.POSITIVE_INFINITY,
};
