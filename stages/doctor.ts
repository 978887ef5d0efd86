/** `pipeline doctor`: which device would compute, what each other one lacks, and where the official data lies. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CIFAR10_ARCHIVE } from "../src/data/cifar10.ts";
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
    ...OFFICIAL.map((data) => officialData(process.env, data)),
  ];
}

interface OfficialData {
  readonly name: string;
  /** Below a mirror and below the cache folder. */
  readonly folder: string;
  /** Each by the names it may have. */
  readonly files: readonly (readonly string[])[];
  /** Of a system package. */
  readonly installed?: string;
}

const OFFICIAL: readonly OfficialData[] = [
  {
    name: "fashion-mnist",
    folder: "fashion-mnist",
    files: Object.values(FASHION_MNIST_FILES).map(({ name }) => [`${name}.gz`, name]),
    installed: DEBIAN_FASHION_MNIST,
  },
  { name: "cifar-10", folder: "", files: [[CIFAR10_ARCHIVE]] },
];

/** Only looks whether the files are there: the stages that read them verify their content. */
function officialData(env: Environment, { name, folder, files, installed }: OfficialData): Finding {
  const mirror = mirrorOf(env);
  if (mirror !== undefined && "reason" in mirror) {
    return { name, ok: false, detail: mirror.message, remedy: mirror.remedy };
  }
  if (mirror?.type === "url") return { name, ok: true, detail: `from ${mirror.base}, when a profile wants it` };
  const cached = join(cacheFolder(env), folder);
  const places =
    mirror !== undefined ? [join(mirror.path, folder)] : installed === undefined ? [cached] : [installed, cached];
  const complete = (place: string): boolean =>
    files.every((names) => names.some((file) => existsSync(join(place, file))));
  const found = places.find(complete);
  if (found !== undefined) return { name, ok: true, detail: `official files in ${found}` };
  const remedy =
    mirror === undefined
      ? "nothing to do: a profile that wants the official files downloads them; quick has its data with it"
      : `put ${join(folder, files.length === 1 ? files[0]![0]! : "*.gz")} there, or unset PIPELINE_DATA_MIRROR`;
  return { name, ok: false, detail: `the official files are not in ${places.join(" or ")}`, remedy };
}
