import type * as ort from "onnxruntime-node";
import { createBuilder } from "./builder.ts";
import { createSession } from "./session.ts";

/** A multiple of every block that MLAS has. */
const CHANNELS = 16;

/**
 * How many channels MLAS's own convolutions take side by side on this machine, as many as a vector register holds numbers: 16
 * or 8, and 1 where it has none. Found by a look at what the reordering of two pixels gives, since no function tells.
 */
export async function findChannelBlock(api: typeof ort): Promise<number> {
  const builder = createBuilder("cpu");
  const aval = { dtype: "f32", shape: [1, CHANNELS, 1, 2] } as const;
  const blocked = builder.node("ReorderInput", [builder.input("x", aval)], aval, {}, "com.microsoft.nchwc");
  const model = builder.finish("probe", [{ name: "y", value: blocked }]);
  try {
    const session = await createSession(api, model, { device: "cpu", threads: 1, outputsOnDevice: false });
    try {
      const x = Float32Array.from({ length: 2 * CHANNELS }, (_, i) => i);
      const [y] = await session.run([new api.Tensor("float32", x, [...aval.shape])]);
      // The second pixel of the first channel stands behind the first pixel of one block.
      const block = (y!.data as Float32Array).indexOf(1);
      return block > 1 && CHANNELS % block === 0 ? block : 1;
    } finally {
      await session.release();
    }
  } catch {
    return 1;
  }
}
