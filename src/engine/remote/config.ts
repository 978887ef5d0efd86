import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Environment } from "../plan/environment.ts";
import type { RemoteOptions } from "../plan/plan.ts";

/** Where the remote cache is, and what may be done there. None of it is part of a key. */
export interface RemoteConfig {
  /** Without credentials, a query or a final `/`. */
  readonly url: string;
  readonly readOnly: boolean;
  /** The value of the Authorization header. Never shown, logged or handed to a child. */
  readonly authorization: string | undefined;
  /** Whose records are taken; of anyone where there is none. */
  readonly trusted: readonly KeyObject[];
  /** What our records are signed with. */
  readonly signingKey: KeyObject | undefined;
  /** Milliseconds without a byte after which a request has failed. */
  readonly timeoutMs: number;
}

export interface ConfigProblem {
  readonly reason: "invalid-remote";
  readonly message: string;
  readonly remedy: string;
}

export interface RemoteFlags {
  /** `--remote`: a URL, or `off`. */
  readonly url?: string | undefined;
  /** `--remote-read-only` */
  readonly readOnly?: boolean | undefined;
}

const TIMEOUT_SECONDS = 20;

/**
 * The remote cache that the command line names, else the environment (`PIPELINE_REMOTE_CACHE`), else pipeline.yaml;
 * `undefined` where none does, or one of them says `off`.
 */
export function remoteConfigOf(
  declared: RemoteOptions | undefined,
  environment: Environment,
  flags: RemoteFlags = {},
): RemoteConfig | ConfigProblem | undefined {
  const given = flags.url ?? (environment.PIPELINE_REMOTE_CACHE || declared?.url);
  if (given === undefined || given === "off") return undefined;
  const url = parseUrl(given);
  if (url === undefined) {
    return problem(
      `the remote cache \`${redact(given)}\` is no http or https URL`,
      "write it as in --remote https://cache.example.org/study, or --remote off",
    );
  }
  const mode = environment.PIPELINE_REMOTE_MODE || declared?.mode || "read-write";
  if (mode !== "read-only" && mode !== "read-write") {
    return problem(`PIPELINE_REMOTE_MODE cannot be \`${mode}\``, "write read-only or read-write");
  }
  const trusted: KeyObject[] = [];
  for (const text of declared?.trusted ?? []) {
    const key = publicKeyOf(text);
    if (key === undefined) return problem(`\`${text}\` under remote.trusted is no Ed25519 public key`, KEY_REMEDY);
    trusted.push(key);
  }
  const signingKey = signingKeyOf(environment.PIPELINE_REMOTE_KEY);
  if (signingKey === "unusable") {
    return problem("PIPELINE_REMOTE_KEY names no readable Ed25519 private key", KEY_REMEDY);
  }
  const seconds = Number(environment.PIPELINE_REMOTE_TIMEOUT || TIMEOUT_SECONDS);
  return {
    url: `${url.origin}${url.pathname.replace(/\/+$/, "")}`,
    // Where only signed records count, an unsigned one is of no use to anybody.
    readOnly: flags.readOnly === true || mode === "read-only" || (trusted.length > 0 && signingKey === undefined),
    authorization: authorizationOf(url, environment),
    trusted,
    signingKey,
    timeoutMs: (seconds > 0 ? seconds : TIMEOUT_SECONDS) * 1000,
  };
}

export function isConfigProblem(config: RemoteConfig | ConfigProblem): config is ConfigProblem {
  return "reason" in config;
}

const KEY_REMEDY = "docs/remote-cache.md says how to make a pair of keys";

/** A URL as it may be shown: without user, password and query. */
export function redact(text: string): string {
  return text.replace(/\/\/[^/@]*@/, "//…@").replace(/\?.*$/s, "?…");
}

function parseUrl(text: string): URL | undefined {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
  } catch {
    return undefined;
  }
}

/** A token goes before a name and password, and the environment before the URL. */
function authorizationOf(url: URL, { PIPELINE_REMOTE_TOKEN, PIPELINE_REMOTE_LOGIN }: Environment): string | undefined {
  if (PIPELINE_REMOTE_TOKEN) return `Bearer ${PIPELINE_REMOTE_TOKEN.trim()}`;
  const inUrl =
    url.username === "" ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const login = PIPELINE_REMOTE_LOGIN || inUrl;
  return login === undefined ? undefined : `Basic ${Buffer.from(login).toString("base64")}`;
}

/** Of the base64 text between the lines of a public key's PEM file. */
export function publicKeyOf(text: string): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(text, "base64"), format: "der", type: "spki" });
    return key.asymmetricKeyType === "ed25519" ? key : undefined;
  } catch {
    return undefined;
  }
}

function signingKeyOf(file: string | undefined): KeyObject | undefined | "unusable" {
  if (!file) return undefined;
  try {
    const key = createPrivateKey(readFileSync(file));
    return key.asymmetricKeyType === "ed25519" ? key : "unusable";
  } catch {
    return "unusable";
  }
}

function problem(message: string, remedy: string): ConfigProblem {
  return { reason: "invalid-remote", message, remedy };
}
