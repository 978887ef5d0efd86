import { StringDecoder } from "node:string_decoder";

/** Cuts a byte stream into lines of text. */
export interface LineCutter {
  write(chunk: Uint8Array): void;
  /** The rest, when the stream ends without a newline. */
  end(): void;
}

const LONGEST = 1 << 16;

/** A progress bar that redraws itself with `\r` counts as its last state; a line without end is cut at 64 Ki. */
export function cutLines(onLine: (line: string) => void): LineCutter {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  const tell = (line: string): void => {
    const bare = line.endsWith("\r") ? line.slice(0, -1) : line;
    onLine(bare.slice(bare.lastIndexOf("\r") + 1));
  };
  return {
    write(chunk) {
      rest += decoder.write(chunk as Buffer);
      let from = 0;
      for (let at = rest.indexOf("\n"); at !== -1; at = rest.indexOf("\n", from)) {
        tell(rest.slice(from, at));
        from = at + 1;
      }
      rest = rest.slice(from);
      if (rest.length > LONGEST) {
        tell(rest);
        rest = "";
      }
    },
    end() {
      rest += decoder.end();
      if (rest !== "") tell(rest);
      rest = "";
    },
  };
}
