// Serves a folder with the two headers that give a page shared memory, and so the CPU device its
// threads. Usage: node scripts/serve.mjs [--port 8080]
import { open, realpath, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { buildPage, pageFolder } from "./build-page.mjs";

const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".wasm": "application/wasm",
};

/**
 * Listens on this machine only; port 0 takes a free one. What lies outside of the folder is not
 * served, links that lead there included. Resolves to the server and its address.
 */
export async function serve(folder, port, { isolated = true } = {}) {
  const root = await realpath(folder);
  const headers = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(isolated && {
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    }),
  };
  const refuse = (response, status, message) => {
    response.writeHead(status, { ...headers, "content-type": "text/plain" }).end(`${message}\n`);
  };
  const server = createServer(async (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      refuse(response, 405, "only GET and HEAD");
      return;
    }
    let file;
    try {
      file = await openInside(root, request.url);
    } catch (error) {
      const busy = error.code === "EMFILE" || error.code === "ENFILE";
      refuse(response, busy ? 503 : 404, busy ? "too many open files" : "not found");
      return;
    }
    response.writeHead(200, {
      ...headers,
      "content-type": types[extname(file.path)] ?? "application/octet-stream",
      "content-length": file.size,
    });
    if (request.method === "HEAD") {
      await file.handle.close();
      response.end();
      return;
    }
    // However the download ends, the file is closed; an aborted one is no fault.
    await pipeline(file.handle.createReadStream(), response).catch(() => response.destroy());
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  return { server, url: `http://127.0.0.1:${server.address().port}/` };
}

/** Opens the file that a request names; throws where there is none inside of the folder. */
async function openInside(root, url) {
  const path = normalize(decodeURIComponent(new URL(url, "http://host").pathname));
  const named = join(root, path.endsWith("/") ? `${path}index.html` : path);
  const real = await realpath(named);
  if (!real.startsWith(root + sep)) throw new Error("outside of the folder");
  // Before it is opened: a pipe would wait for its writer.
  const status = await stat(real);
  if (!status.isFile()) throw new Error("not a file");
  return { path: real, size: status.size, handle: await open(real) };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { port: { type: "string", default: "8080" } } });
  const port = Number(values.port);
  try {
    if (!/^\d+$/.test(values.port) || port > 65535) {
      throw new Error(`--port must be a number from 0 to 65535, not "${values.port}"`);
    }
    await buildPage();
    const { url } = await serve(pageFolder, port);
    console.log(`the page is at ${url} (Ctrl-C ends)`);
  } catch (error) {
    const taken = error.code === "EADDRINUSE";
    const reason = taken
      ? `port ${port} is taken by another program; choose another with -- --port ${port + 1}`
      : error.message;
    console.error(`serve: ${reason}`);
    process.exitCode = 1;
  }
}
