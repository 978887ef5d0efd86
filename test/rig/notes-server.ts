import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface Note {
  readonly id: number;
  readonly author: { readonly id: number };
  body: string;
}

/** What the notes of one merge request need of GitLab's API (docs.gitlab.com/api/notes): a user, and notes of a `body`. */
export interface NotesServer {
  readonly url: string;
  readonly notes: Note[];
  /** `POST /projects/42/merge_requests/7/notes`, one for each request that had the token. */
  readonly seen: string[];
}

export const BOT = 9;

export async function startNotesServer(token: string): Promise<NotesServer> {
  const notes: Note[] = [];
  const seen: string[] = [];
  const http = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { pathname } = new URL(request.url ?? "", "http://localhost");
    const body = new URLSearchParams(Buffer.concat(chunks).toString()).get("body") ?? "";
    const answer = (status: number, content: unknown): void => {
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(content));
    };
    if (request.headers["private-token"] !== token) return answer(401, { message: "401 Unauthorized" });
    seen.push(`${request.method} ${pathname.replace("/api/v4", "")}`);
    if (pathname === "/api/v4/user") return answer(200, { id: BOT });
    const [, id] = /^\/api\/v4\/projects\/42\/merge_requests\/7\/notes(?:\/(\d+))?$/.exec(pathname) ?? [];
    if (request.method === "PUT" && id !== undefined) {
      const note = notes.find((one) => one.id === Number(id));
      if (note === undefined) return answer(404, { message: "404 Not found" });
      note.body = body;
      return answer(200, note);
    }
    if (request.method === "POST") {
      if (body === "") return answer(400, { error: "body is missing" });
      const note = { id: notes.length + 1, author: { id: BOT }, body };
      notes.push(note);
      return answer(201, note);
    }
    return answer(200, notes);
  });
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  onTestFinished(() => new Promise<void>((done) => http.close(() => done())));
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/api/v4`, notes, seen };
}
