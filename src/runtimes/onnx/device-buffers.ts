import type * as ort from "onnxruntime-node";
import type { Aval, Tensor } from "../../programs/tensor.ts";
import type { DeviceTensor } from "../runtime.ts";
import type { OnnxModel } from "./model.ts";
import { createSession, fromOrt, type Session, toOrt } from "./session.ts";

/** Tensors that stay in a WebGPU device's memory between runs. */
export interface DeviceBuffers {
  upload(tensor: Tensor): Promise<DeviceTensor>;
  /** Takes over a session that leaves its outputs on the device. */
  own(session: Session): DeviceSession;
  /** The session input behind a device tensor of ours. */
  held(tensor: DeviceTensor): ort.Tensor | undefined;
  /** Disposes what is left, and everything that was made with it. */
  dispose(): Promise<void>;
}

/**
 * A session and the outputs that it left on the device. Their memory is the session's: to dispose one after the session,
 * or to read it then, aborts the process in onnxruntime-node 1.30. So the session lives as long as any of them.
 */
export interface DeviceSession {
  run(inputs: readonly ort.Tensor[], outputs: readonly Aval[]): Promise<DeviceTensor[]>;
  /** Releases the session, once its last output is disposed. */
  release(): Promise<void>;
}

/**
 * Two sessions of one `Identity` each carry tensors of any shape across the border: reading a device tensor's data
 * directly (`getData`) aborts the process in onnxruntime-node 1.30. Throws where WebGPU has no adapter.
 */
export async function openDeviceBuffers(api: typeof ort, threads: number): Promise<DeviceBuffers> {
  const settings = { device: "webgpu", threads } as const;
  const values = new WeakMap<DeviceTensor, ort.Tensor>();
  /** What each session that is not released has on the device. */
  const owned = new Map<Session, Set<DeviceTensor>>();
  /** Released by the last of their outputs, whose `dispose` waits for nothing. */
  const releasing = new Set<Promise<void>>();

  const held = (tensor: DeviceTensor): ort.Tensor | undefined => values.get(tensor);
  const own = (session: Session): DeviceSession => {
    const outputs = new Set<DeviceTensor>();
    owned.set(session, outputs);
    let isWanted = true;
    const release = (): Promise<void> => {
      owned.delete(session);
      return session.release();
    };
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
          if (!outputs.delete(tensor)) return;
          values.get(tensor)?.dispose();
          values.delete(tensor);
          if (isWanted || outputs.size > 0) return;
          const end = release().finally(() => releasing.delete(end));
          releasing.add(end);
        },
      };
      values.set(tensor, value);
      outputs.add(tensor);
      return tensor;
    };
    return {
      async run(inputs, avals) {
        const results = await session.run(inputs);
        return results.map((value, i) => hold(value, avals[i]!));
      },
      async release() {
        if (!isWanted) return;
        isWanted = false;
        if (outputs.size === 0) await release();
      },
    };
  };

  const toDevice = own(await createSession(api, IDENTITY, { ...settings, outputsOnDevice: true }));
  const toHost = await createSession(api, IDENTITY, { ...settings, outputsOnDevice: false });
  return {
    async upload(tensor) {
      const [value] = await toDevice.run([toOrt(api, tensor, "webgpu")], [tensor]);
      return value!;
    },
    own,
    held,
    async dispose() {
      for (const outputs of owned.values()) for (const tensor of [...outputs]) tensor.dispose();
      await Promise.all(releasing);
      for (const session of [...owned.keys()]) await session.release();
      owned.clear();
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
  nodes: [{ op: "Identity", domain: "", inputs: ["x"], outputs: ["y"], attributes: {}, bytes: 0 }],
  maxThreads: Number.POSITIVE_INFINITY,
};
