/** Lets so many of what it is given go on at a time; the others wait in the order they came. */
export function limited(most: number): <T>(act: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (act) => {
    if (running >= most) await new Promise<void>((go) => waiting.push(go));
    else running++;
    try {
      return await act();
    } finally {
      const next = waiting.shift();
      // Its place goes to the next one.
      if (next === undefined) running--;
      else next();
    }
  };
}
