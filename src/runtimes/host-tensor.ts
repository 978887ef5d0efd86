import { type Aval, sizeOf, type Tensor } from "../programs/tensor.ts";
import type { DeviceTensor } from "./runtime.ts";

/** A device tensor of a device whose memory is the host's: it wraps the array. */
export interface HostDeviceTensor extends DeviceTensor {
  readonly host: Tensor;
}

export function wrapHost(tensor: Tensor): HostDeviceTensor {
  let host: Tensor | undefined = tensor;
  const present = (): Tensor => {
    if (host === undefined) throw new Error("this device tensor was disposed");
    return host;
  };
  return {
    dtype: tensor.dtype,
    shape: tensor.shape,
    get host() {
      return present();
    },
    async read() {
      const { dtype, shape, data } = present();
      return { dtype, shape, data: data.slice() };
    },
    dispose() {
      host = undefined;
    },
  };
}

export function isHostDeviceTensor(value: Tensor | DeviceTensor): value is HostDeviceTensor {
  return "host" in value;
}

export function isDeviceTensor(value: Tensor | DeviceTensor): value is DeviceTensor {
  return "read" in value;
}

/** Throws, naming both, where a tensor is not what the program's input is: a bug in the caller. */
export function checkInput(name: string, expected: Aval, given: Tensor | DeviceTensor): void {
  const length = isDeviceTensor(given) ? sizeOf(given.shape) : given.data.length;
  const fits =
    given.dtype === expected.dtype &&
    given.shape.length === expected.shape.length &&
    given.shape.every((extent, axis) => extent === expected.shape[axis]) &&
    length === sizeOf(expected.shape);
  if (!fits)
    throw new Error(
      `input ${name} is ${expected.dtype}[${expected.shape.join()}], was given ${given.dtype}[${given.shape.join()}] of ${length} elements`,
    );
}
