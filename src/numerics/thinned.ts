/** Evenly spaced values of a sequence whose length is not known beforehand. */
export interface Thinned<T> {
  add(value: T): void;
  /** The first value and every `stride`-th after it: at most `capacity` of them, more than half of it once it was full. */
  values(): readonly T[];
}

/** Drops every second value kept whenever there are more than `capacity`, and from then on keeps half as many. */
export function createThinned<T>(capacity: number): Thinned<T> {
  let kept: T[] = [];
  let stride = 1;
  let count = 0;
  return {
    add(value) {
      if (count++ % stride !== 0) return;
      kept.push(value);
      if (kept.length <= capacity) return;
      kept = kept.filter((_, i) => i % 2 === 0);
      stride *= 2;
    },
    values: () => kept,
  };
}
