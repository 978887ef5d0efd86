import { add } from "../../../src/programs/ops.ts";
import { trace } from "../../../src/programs/trace.ts";
import { openRuntime } from "../../../src/runtimes/open.ts";
import type { DeviceName } from "../../../src/runtimes/runtime.ts";
import { isUnavailable } from "../../../src/runtimes/unavailable.ts";

/** Opens the named device, adds two numbers, and prints which native libraries the process has by then. */
const runtime = await openRuntime(process.argv[2] as DeviceName);
if (isUnavailable(runtime)) throw new Error(runtime.message);
const x = { name: "x", aval: { dtype: "f32", shape: [1] } } as const;
const executable = await runtime.compile(trace((a) => [add(a, a)], [x], ["y"]));
const [sum] = await executable.run([{ dtype: "f32", shape: [1], data: Float32Array.of(21) }]);
await runtime.dispose();
const report = process.report.getReport() as unknown as { readonly sharedObjects: readonly string[] };
process.stdout.write(JSON.stringify({ sum: sum!.data[0], libraries: report.sharedObjects }));
