import type { Json } from "../../stage.ts";

/** JSON text that is the same for equal values: keys in code-unit order, no white space. */
export function canonical(value: Json): string {
  // Nearly all values are written in order already, and then the native function is several times as fast.
  return isInOrder(value) ? JSON.stringify(value) : sorted(value);
}

// Called for each value of each manifest, and mostly interpreted: no iterators, and no calls for what has no keys.
function isInOrder(value: Json): boolean {
  if (value === null || typeof value !== "object") return true;
  if (isList(value)) {
    for (let i = 0; i < value.length; i++) {
      const element = value[i]!;
      if (typeof element === "object" && element !== null && !isInOrder(element)) return false;
    }
    return true;
  }
  let last = "";
  for (const key in value) {
    if (key < last) return false;
    last = key;
    const element = value[key]!;
    if (typeof element === "object" && element !== null && !isInOrder(element)) return false;
  }
  return true;
}

function sorted(value: Json): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(sorted).join(",")}]`;
  const entries = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${sorted(value[key] as Json)}`);
  return `{${entries.join(",")}}`;
}

/** Every leaf of a value with its path: `params.layers[2]`. An empty list or mapping is a leaf. */
export function leavesOf(root: string, value: Json): [path: string, leaf: Json][] {
  const leaves: [string, Json][] = [];
  const walk = (path: string, node: Json): void => {
    if (node === null || typeof node !== "object") {
      leaves.push([path, node]);
    } else if (isList(node)) {
      if (node.length === 0) leaves.push([path, node]);
      node.forEach((element, index) => {
        walk(`${path}[${index}]`, element);
      });
    } else {
      const keys = Object.keys(node).sort();
      if (keys.length === 0) leaves.push([path, node]);
      // A key with a dot in it must not look like two keys.
      for (const key of keys)
        walk(/^[\w-]+$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`, node[key]!);
    }
  };
  walk(root, value);
  return leaves;
}

// Array.isArray does not narrow readonly arrays out of a union.
function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** By UTF-16 code unit: the same on every machine and in every locale. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
