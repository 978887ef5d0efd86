import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { primitives } from "../../src/programs/primitives/index.ts";
import { createBuilder } from "../../src/runtimes/onnx/builder.ts";
import { lowerProgram } from "../../src/runtimes/onnx/lower.ts";
import { encodeModel, type OnnxModel } from "../../src/runtimes/onnx/model.ts";
import {
  finish,
  message,
  writeBytes,
  writeFloat,
  writeInt,
  writeMessage,
  writeString,
} from "../../src/runtimes/onnx/protobuf.ts";
import { gradientProgram, hvpProgram, PAPER_LAYERS } from "./mlp.ts";
import { derivativesProgram, valueProgram } from "./samples.ts";

const F32 = (...shape: number[]) => ({ dtype: "f32", shape }) as const;
const tensor = (...data: number[]) => ({ ...F32(data.length), data: Float32Array.from(data) });

describe("protobuf writer", () => {
  it("writes the wire format's own examples", () => {
    // https://protobuf.dev/programming-guides/encoding/: field 1 = 150 is 08 96 01; "testing" in field 2; a message in 3.
    const inner = message();
    writeInt(inner, 1, 150);
    expect(Buffer.from(finish(inner)).toString("hex")).toBe("089601");
    const outer = message();
    writeString(outer, 2, "testing");
    writeMessage(outer, 3, inner);
    expect(Buffer.from(finish(outer)).toString("hex")).toBe("120774657374696e671a03089601");
  });

  it("writes negative integers as 64-bit two's complement, integers past 32 bits, floats little-endian", () => {
    const writer = message();
    writeInt(writer, 1, -1);
    writeInt(writer, 2, 2 ** 35);
    writeFloat(writer, 3, 1.5);
    writeInt(writer, 16, 0);
    expect(Buffer.from(finish(writer)).toString("hex")).toBe(
      ["08", "ff".repeat(9), "01", "10808080808001", "1d0000c03f", "800100"].join(""),
    );
    expect(() => writeInt(writer, 1, 0.5)).toThrow(/safe integer/);
  });

  it("keeps byte fields by reference until they are copied once", () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const writer = message();
    writeBytes(writer, 1, bytes);
    expect(writer.chunks).toContain(bytes);
    expect(Array.from(finish(writer))).toEqual([10, 3, 1, 2, 3]);
  });
});

describe("graph builder", () => {
  it("shares equal constants and integer vectors, and tells apart dtypes, shapes and signs of zero", () => {
    const builder = createBuilder("cpu");
    expect(builder.constant(tensor(1, 2))).toBe(builder.constant(tensor(1, 2)));
    expect(builder.int64([1, 2])).toBe(builder.int64([1, 2]));
    expect(builder.constant(tensor(0))).not.toBe(builder.constant(tensor(-0)));
    const column = builder.constant({ ...F32(2, 1), data: Float32Array.of(1, 2) });
    expect(builder.constant(tensor(1, 2))).not.toBe(column);
    const wide = (seed: number) => tensor(...Array.from({ length: 500 }, (_, i) => i + seed));
    expect(builder.constant(wide(0))).toBe(builder.constant(wide(0)));
    expect(builder.constant(wide(0))).not.toBe(builder.constant(wide(1)));
  });

  it("names outputs as told, and copies one that is an input, a constant or an output already", () => {
    const builder = createBuilder("cpu");
    const x = builder.input("x", F32(2));
    const sum = builder.node("Add", [x, x], F32(2));
    const model = builder.finish("test", [
      { name: "sum", value: sum },
      { name: "again", value: sum },
      { name: "x", value: x },
      { name: "two", value: builder.constant(tensor(2)) },
    ]);
    expect(model.nodes.map(({ op, inputs, outputs }) => [op, inputs, outputs])).toEqual([
      ["Add", ["x", "x"], ["sum"]],
      ["Identity", ["sum"], ["again"]],
      ["Identity", ["x"], ["x_1"]],
      ["Identity", ["const"], ["two"]],
    ]);
    expect(model.outputs.map(({ name }) => name)).toEqual(["sum", "again", "x_1", "two"]);
  });

  it("makes one reshape of several, and none where the shape comes back", () => {
    const builder = createBuilder("cpu");
    const x = builder.input("x", F32(2, 3));
    const flat = builder.node("Reshape", [x, builder.int64([6])], F32(6));
    const tall = builder.node("Reshape", [flat, builder.int64([3, 2])], F32(3, 2));
    expect(builder.node("Reshape", [tall, builder.int64([2, 3])], F32(2, 3))).toBe(x);
    const { nodes } = builder.finish("test", [{ name: "y", value: tall }]);
    // The reshape in between is dropped, since nothing reads it.
    expect(nodes.map(({ inputs }) => inputs[0])).toEqual(["x"]);
  });
});

describe("encoded models", () => {
  it("are the same bytes for the same program", () => {
    const encode = () =>
      encodeModel(lowerProgram(gradientProgram({ replicas: 2, layers: [5, 4, 3], samples: 7 }), "cpu"));
    expect(Buffer.compare(encode(), encode())).toBe(0);
  });

  // `ONNX_PYTHON` names an interpreter with the onnx package, such as one of a virtual environment.
  const python = process.env.ONNX_PYTHON ?? "python3";
  const absent = spawnSync(python, ["-c", "import onnx"]).status !== 0;
  if (absent) console.warn(`skipped onnx.checker: ${python} has no onnx (pip install onnx, or set ONNX_PYTHON)`);

  it.skipIf(absent)("pass onnx.checker and infer the shapes that our programs say (needs Python's onnx)", () => {
    const models = new Map<string, OnnxModel>();
    for (const primitive of primitives) {
      primitive.samples.forEach((sample, i) => {
        const value = valueProgram(primitive, sample);
        models.set(`${primitive.name}-${i}`, lowerProgram(value, "webgpu"));
        const derivatives = derivativesProgram(value);
        if (derivatives !== undefined)
          models.set(`${primitive.name}-${i}-derivatives`, lowerProgram(derivatives, "webgpu"));
      });
    }
    const spec = { replicas: 3, layers: PAPER_LAYERS, samples: 20 };
    models.set("hvp", lowerProgram(hvpProgram(spec), "webgpu"));
    const folder = mkdtempSync(join(tmpdir(), "onnx-models-"));
    try {
      for (const [name, model] of models) writeFileSync(join(folder, `${name}.onnx`), encodeModel(model));
      const checked = spawnSync(python, ["-c", CHECKER, folder], { encoding: "utf8" });
      expect(checked.stderr).toBe("");
      expect(checked.stdout.trim()).toBe(`${models.size} models`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/**
 * Checks every model of a folder against the ONNX specification, and infers shapes strictly with data propagation: an
 * inferred output that is not the declared one is an error.
 */
const CHECKER = `
import pathlib, sys
import onnx
from onnx import shape_inference
count = 0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        declared = [(o.name, [d.dim_value for d in o.type.tensor_type.shape.dim]) for o in model.graph.output]
        for output in model.graph.output:
            output.type.tensor_type.ClearField("shape")
        inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        found = [(o.name, [d.dim_value for d in o.type.tensor_type.shape.dim]) for o in inferred.graph.output]
        assert declared == found, f"declared {declared}, inferred {found}"
    except Exception as error:
        sys.exit(f"{path.name}: {error}")
    count += 1
print(count, "models")
`;
