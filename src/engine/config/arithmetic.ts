/** Arithmetic over numbers and `${…}`, taken apart: the operands are evaluated elsewhere. */
export interface Arithmetic {
  /** Each `${…}` as written, in order; one that stands twice is there twice. */
  readonly operands: readonly string[];
  evaluate(values: readonly number[]): number;
}

type Node = (values: readonly number[]) => number;

const TOKEN = /\s*(\$\{[^}]*\}?|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+|[A-Za-z_]\w*|[-+*/^(),]|\S)/gy;
const FUNCTIONS: Readonly<Record<string, (...values: number[]) => number>> = { min: Math.min, max: Math.max };

/**
 * Parses `sum = product {(+|-) product}`, `product = factor {(*|/) factor}`, `factor = -factor | atom [^ factor]`,
 * `atom = number | ${…} | (sum) | min(sum, …) | max(sum, …)`: a power binds more than a sign, and from the right.
 */
export function parseArithmetic(text: string): Arithmetic | { readonly message: string } {
  const tokens = [...text.trimEnd().matchAll(TOKEN)].map(([, token]) => token!);
  const operands: string[] = [];
  let at = 0;
  const fail = (): never => {
    const where = at < tokens.length ? `\`${tokens[at]}\`` : "the end";
    throw new Unexpected(`${where} is not expected ${at === 0 ? "here" : `after \`${tokens[at - 1]}\``}`);
  };
  const take = (token: string): boolean => tokens[at] === token && ++at > 0;
  const expect = (token: string): void => {
    if (!take(token)) fail();
  };
  const chain = (operators: Readonly<Record<string, (a: number, b: number) => number>>, next: () => Node): Node => {
    let left = next();
    for (let apply = operators[tokens[at] ?? ""]; apply !== undefined; apply = operators[tokens[at] ?? ""]) {
      at++;
      const [first, second, operator] = [left, next(), apply];
      left = (values) => operator(first(values), second(values));
    }
    return left;
  };
  const sum = (): Node => chain({ "+": (a, b) => a + b, "-": (a, b) => a - b }, product);
  const product = (): Node => chain({ "*": (a, b) => a * b, "/": (a, b) => a / b }, factor);
  const factor = (): Node => {
    if (take("-")) {
      const negated = factor();
      return (values) => -negated(values);
    }
    const base = atom();
    if (!take("^")) return base;
    const exponent = factor();
    return (values) => base(values) ** exponent(values);
  };
  const atom = (): Node => {
    const token = tokens[at] ?? "";
    const apply = Object.hasOwn(FUNCTIONS, token) ? FUNCTIONS[token] : undefined;
    if (/^\$\{/.test(token)) {
      at++;
      const index = operands.push(token) - 1;
      return (values) => values[index]!;
    }
    if (/^[\d.]/.test(token) && token !== ".") {
      at++;
      return () => Number(token);
    }
    if (take("(")) {
      const inner = sum();
      expect(")");
      return inner;
    }
    if (apply === undefined) return fail();
    at++;
    expect("(");
    const inner = [sum()];
    while (take(",")) inner.push(sum());
    expect(")");
    return (values) => apply(...inner.map((each) => each(values)));
  };
  try {
    const root = sum();
    if (at < tokens.length) fail();
    return { operands, evaluate: root };
  } catch (error) {
    if (error instanceof Unexpected) return { message: error.message };
    throw error;
  }
}

/** Leaves the recursion; never seen outside. */
class Unexpected extends Error {}
