/** `pipeline doctor`: which device would compute, what each other one lacks, and where the official data lies. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { FASHION_MNIST_FILES } from "../src/data/fashion-mnist.ts";
import { cacheFolder, DEBIAN_FASHION_MNIST, type Environment, mirrorOf } from "../src/data/places.ts";
import { chooseDevice, detectDevices } from "../src/runtimes/detect.ts";
import { isUnavailable } from "../src/runtimes/unavailable.ts";

interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy?: string;
}

export default async function examine(): Promise<Finding[]> {
  const chosen = await chooseDevice(process.env.PIPELINE_DEVICE);
  const devices = await detectDevices();
  return [
    isUnavailable(chosen)
      ? { name: "device", ok: false, detail: chosen.message, remedy: chosen.remedy }
      : {
          name: "device",
          ok: true,
          detail: `${chosen.device}${chosen.hardware ? `, ${chosen.hardware}` : ""} (in use)`,
        },
    ...devices.map(({ device, ready, detail, remedy }) => ({
      name: device,
      ok: ready,
      detail,
      ...(remedy === undefined ? {} : { remedy }),
    })),
    officialData(process.env),
  ];
}

/** Only looks whether the files are there: the dataset stage verifies their content. */
function officialData(env: Environment): Finding {
  const name = "fashion-mnist";
  const mirror = mirrorOf(env);
  if (mirror !== undefined && "reason" in mirror) {
    return { name, ok: false, detail: mirror.message, remedy: mirror.remedy };
  }
  if (mirror?.type === "url") return { name, ok: true, detail: `from ${mirror.base}, when a profile wants it` };
  const folders =
    mirror === undefined
      ? [DEBIAN_FASHION_MNIST, join(cacheFolder(env), "fashion-mnist")]
      : [join(mirror.path, "fashion-mnist")];
  const complete = (folder: string): boolean =>
    Object.values(FASHION_MNIST_FILES).every(
      (file) => existsSync(join(folder, `${file.name}.gz`)) || existsSync(join(folder, file.name)),
    );
  const found = folders.find(complete);
  if (found !== undefined) return { name, ok: true, detail: `official files in ${found}` };
  const remedy =
    mirror === undefined
      ? "nothing to do: a profile that wants the official files downloads them; quick has its data with it"
      : "put fashion-mnist/*.gz there, or unset PIPELINE_DATA_MIRROR";
  return { name, ok: false, detail: `the official files are not in ${folders.join(" or ")}`, remedy };
}
