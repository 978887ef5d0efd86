/** Evenly spaced values of a sequence whose length is not known beforehand. */
export interface Thinned<T> {
  add(value: T): void;
  /** The first value and every `stride`-th after it: at most `capacity` of them, more than half of it once it was full. */
  values(): readonly T[];
  /** All that it takes to go on. */
  state(): ThinnedState<T>;
}

export interface ThinnedState<T> {
  readonly kept: readonly T[];
  readonly stride: number;
  /** How many values there have been. */
  readonly count: number;
}

/** Drops every second value kept whenever there are more than `capacity`, and from then on keeps half as many. */
export function createThinned<T>(capacity: number, from?: ThinnedState<T>): Thinned<T> {
  let kept = [...(from?.kept ?? [])];
  let { stride, count } = from ?? { stride: 1, count: 0 };
  return {
    add(value) {
      if (count++ % stride !== 0) return;
      kept.push(value);
      if (kept.length <= capacity) return;
      kept = kept.filter((_, i) => i % 2 === 0);
      stride *= 2;
    },
    values: () => kept,
    state: () => ({ kept: [...kept], stride, count }),
  };
}
