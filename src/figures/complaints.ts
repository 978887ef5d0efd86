import type { LoggerInterface } from "vega";

export interface Complaints {
  /** To hand to Vega or Vega-Lite. */
  readonly logger: LoggerInterface;
  /** Throws when anything was warned of: our specs have no excuse for a dropped channel or an infinite extent. */
  refuse(about: string): void;
}

export function collectComplaints(): Complaints {
  const heard: string[] = [];
  const note = (...messages: readonly unknown[]): LoggerInterface => {
    heard.push(messages.join(" "));
    return logger;
  };
  const ignore = (): LoggerInterface => logger;
  const logger = { level: ignore, error: note, warn: note, info: ignore, debug: ignore } as unknown as LoggerInterface;
  return {
    logger,
    refuse(about) {
      if (heard.length > 0) throw new Error(`${about}: ${heard.join("; ")}`);
    },
  };
}
