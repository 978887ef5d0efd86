/** A terminal that understands what the live view writes, and keeps what has scrolled off: nothing else is accepted. */
export interface VirtualTerminal {
  write(text: string): void;
  /** All rows ever shown and not erased, without trailing spaces and blank rows at the end. */
  rows(): string[];
  readonly cursorHidden: boolean;
  /** How often a frame was begun. */
  readonly frames: number;
}

const ESCAPE = String.fromCharCode(27);
const CONTROL_OR_CHARACTER = new RegExp(`${ESCAPE}\\[(\\?)?([\\d;]*)([A-Za-z])|[\\s\\S]`, "gu");

export function createVirtualTerminal(columns: number, height: number): VirtualTerminal {
  const screen: string[][] = [[]];
  let row = 0;
  let column = 0;
  let hidden = false;
  let frames = 0;
  let top = 0;

  const lineAt = (index: number): string[] => {
    while (screen.length <= index) screen.push([]);
    return screen[index]!;
  };
  const newline = (): void => {
    row++;
    lineAt(row);
    top = Math.max(top, row - height + 1);
  };
  const put = (character: string): void => {
    if (column === columns) {
      newline();
      column = 0;
    }
    const line = lineAt(row);
    while (line.length < column) line.push(" ");
    line[column++] = character;
  };
  const control = (code: string, argument: number): void => {
    if (code === "A") {
      // What has scrolled off the top cannot be reached any more.
      row = Math.max(top, row - argument);
    } else if (code === "K") {
      lineAt(row).length = Math.min(lineAt(row).length, column);
    } else if (code === "J") {
      lineAt(row).length = Math.min(lineAt(row).length, column);
      screen.length = row + 1;
    } else if (code !== "m") {
      throw new Error(`the terminal does not know CSI ${code}`);
    }
  };

  return {
    write(text) {
      for (const [whole, isPrivate, argument, code] of text.matchAll(CONTROL_OR_CHARACTER)) {
        if (isPrivate !== undefined) {
          if (argument === "25") hidden = code === "l";
          else if (argument === "2026") frames += code === "h" ? 1 : 0;
          else throw new Error(`the terminal does not know CSI ? ${argument}`);
        } else if (code !== undefined) {
          control(code, Number(argument || "1"));
        } else if (whole === "\n") {
          newline();
          column = 0;
        } else if (whole === "\r") {
          column = 0;
        } else {
          put(whole);
        }
      }
    },
    rows() {
      const rows = screen.map((line) => line.join("").trimEnd());
      while (rows.at(-1) === "") rows.pop();
      return rows;
    },
    get cursorHidden() {
      return hidden;
    },
    get frames() {
      return frames;
    },
  };
}
