import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { get, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serve } from "../../scripts/serve.mjs";

let folder: string;
let server: Server;
let url: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "serve-"));
  mkdirSync(join(folder, "page/sub"), { recursive: true });
  writeFileSync(join(folder, "page/index.html"), "<p>home");
  writeFileSync(join(folder, "page/large.bin"), new Uint8Array(8e6).fill(7));
  writeFileSync(join(folder, "secret.txt"), "secret");
  symlinkSync(join(folder, "secret.txt"), join(folder, "page/link.txt"));
  symlinkSync(folder, join(folder, "page/up"));
  symlinkSync("index.html", join(folder, "page/inside.html"));
  ({ server, url } = await serve(join(folder, "page"), 0));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

test("a file comes with its type, its length and no guessing", async () => {
  const response = await fetch(url);
  expect(await response.text()).toBe("<p>home");
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "content-length": "7",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
  });
  expect(await (await fetch(`${url}inside.html`)).text()).toBe("<p>home");
  const head = await fetch(url, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length")]).toEqual([200, "7"]);
});

test("what lies outside is not served, whatever leads there", async () => {
  const paths = [
    "link.txt",
    "up/secret.txt",
    "%2e%2e%2fsecret.txt",
    "..%5csecret.txt",
    "sub",
    "no",
  ];
  for (const path of [...paths, "%00", "%zz"]) {
    const response = await fetch(url + path);
    expect([path, response.status, await response.text()]).toEqual([path, 404, "not found\n"]);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  }
  expect((await fetch(url, { method: "POST", body: "x" })).status).toBe(405);
});

test("a download that is given up leaves no file open", async () => {
  const count = 25;
  const files = () => readdirSync("/dev/fd").length;
  const before = files();
  await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<void>((resolve) => {
          const request = get(`${url}large.bin`, (response) => {
            response.once("data", () => {
              request.destroy();
              resolve();
            });
          });
          request.on("error", () => resolve());
        }),
    ),
  );
  for (let waited = 0; files() > before + 5 && waited < 5000; waited += 50) await delay(50);
  expect(files()).toBeLessThan(before + 5);
  expect((await (await fetch(`${url}large.bin`)).arrayBuffer()).byteLength).toBe(8e6);
});

test("a port that is taken, or is none, ends with one line that says so", async () => {
  const script = join(import.meta.dirname, "../../scripts/serve.mjs");
  const run = (port: string): Promise<{ code: number | null; text: string }> =>
    new Promise((resolve) => {
      const child = execFile(process.execPath, [script, "--port", port], (_, __, text) => {
        resolve({ code: child.exitCode, text });
      });
    });
  const { port } = new URL(url);
  expect(await run(port)).toEqual({
    code: 1,
    text: `serve: port ${port} is taken by another program; choose another with -- --port ${Number(port) + 1}\n`,
  });
  expect((await run("high")).text).toContain("must be a number from 0 to 65535");
}, 60_000);
