import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { download } from "../../src/data/download.js";
import { downloadCifar10 } from "../../src/data/download-cifar10.js";
import { Philox } from "../../src/tensor/random.js";

const random = new Philox(3, 0, "download");
const content = Buffer.from(Array.from({ length: 300_001 }, () => random.uint32() & 255));
const md5 = createHash("md5").update(content).digest("hex");

type Handler = (request: IncomingMessage, response: ServerResponse, nth: number) => void;
let server: Server;
let url: string;
let folder: string;
let handler: Handler;
let ranges: (string | undefined)[];

beforeAll(async () => {
  server = createServer((request, response) => {
    ranges.push(request.headers.range);
    handler(request, response, ranges.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/archive`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "download-"));
  ranges = [];
});
afterEach(() => rm(folder, { recursive: true }));

/** Serves `data` with Range support. */
function serve(data: Buffer, request: IncomingMessage, response: ServerResponse): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? Number.NaN);
  if (Number.isNaN(from)) {
    response.writeHead(200, { "content-length": data.length });
    response.end(data);
  } else if (from >= data.length) {
    response.writeHead(416, { "content-range": `bytes */${data.length}` });
    response.end();
  } else {
    response.writeHead(206, {
      "content-length": data.length - from,
      "content-range": `bytes ${from}-${data.length - 1}/${data.length}`,
    });
    response.end(data.subarray(from));
  }
}

/** Sends some bytes, then cuts the connection. */
function breakOff(response: ServerResponse, bytes: number): void {
  response.writeHead(200, { "content-length": content.length });
  response.write(content.subarray(0, bytes), () => setTimeout(() => response.destroy(), 20));
}

describe("download", () => {
  it("fetches, reports progress and checks the sum", async () => {
    handler = (request, response) => serve(content, request, response);
    const file = join(folder, "deep", "file");
    const progress: [number, number | null][] = [];
    await download(url, file, { md5, onProgress: (...step) => progress.push(step) });
    expect(content.equals(await readFile(file))).toBe(true);
    expect(await readdir(join(folder, "deep"))).toEqual(["file"]);
    expect(progress.at(-1)).toEqual([300_001, 300_001]);
    expect(progress.map(([done]) => done)).toEqual(
      progress.map(([done]) => done).sort((a, b) => a - b),
    );
  });

  it("goes on where a broken connection stopped", async () => {
    handler = (request, response, nth) =>
      nth === 1 ? breakOff(response, 120_000) : serve(content, request, response);
    const file = join(folder, "file");
    await download(url, file, { md5, retryDelay: 1 });
    expect(content.equals(await readFile(file))).toBe(true);
    const resumedFrom = Number(/^bytes=(\d+)-$/.exec(ranges[1] ?? "")?.[1]);
    expect(resumedFrom).toBeGreaterThan(0);
    expect(resumedFrom).toBeLessThanOrEqual(120_000);
  });

  it("goes on from what an earlier call left, and is done when that was all", async () => {
    handler = (request, response) => serve(content, request, response);
    const file = join(folder, "file");
    await writeFile(`${file}.part`, content.subarray(0, 99_999));
    await download(url, file, { md5 });
    expect(content.equals(await readFile(file))).toBe(true);
    await rm(file);
    await writeFile(`${file}.part`, content);
    await download(url, file, { md5 });
    expect(content.equals(await readFile(file))).toBe(true);
    expect(ranges).toEqual(["bytes=99999-", "bytes=300001-"]);
  });

  it("starts over when the kept part is longer than the file", async () => {
    handler = (request, response) => serve(content, request, response);
    const file = join(folder, "file");
    await writeFile(`${file}.part`, Buffer.concat([content, content]));
    await download(url, file, { md5, retryDelay: 1 });
    expect(content.equals(await readFile(file))).toBe(true);
    expect(ranges).toEqual(["bytes=600002-", undefined]);
  });

  it("starts over when the server knows no ranges", async () => {
    handler = (_, response) => response.end(content);
    const file = join(folder, "file");
    await writeFile(`${file}.part`, Buffer.from("something else"));
    await download(url, file, { md5 });
    expect(content.equals(await readFile(file))).toBe(true);
  });

  it("does not ask for a file that is there, and replaces one that is damaged", async () => {
    handler = (request, response) => serve(content, request, response);
    const file = join(folder, "file");
    await writeFile(file, content);
    await download(url, file, { md5 });
    expect(ranges).toEqual([]);
    await writeFile(file, content.subarray(1));
    await download(url, file, { md5 });
    expect(content.equals(await readFile(file))).toBe(true);
    expect(ranges).toEqual([undefined]);
  });

  it("removes a file with a wrong checksum and tells both", async () => {
    handler = (request, response) => serve(content, request, response);
    const wrong = "0".repeat(32);
    await expect(download(url, join(folder, "file"), { md5: wrong })).rejects.toThrow(
      `MD5 ${md5}, expected ${wrong}`,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it("refuses a checksum that is none before it asks the server", async () => {
    handler = (request, response) => serve(content, request, response);
    await expect(download(url, join(folder, "file"), { md5: "c32a1d" })).rejects.toThrow(
      /the MD5 is c32a1d, expected 32 hex digits/,
    );
    expect(ranges).toEqual([]);
    await download(url, join(folder, "file"), { md5: md5.toUpperCase() });
    expect(content.equals(await readFile(join(folder, "file")))).toBe(true);
  });

  it("gives up at once on 404, and after the retries on what may pass", async () => {
    handler = (_, response) => response.writeHead(404).end();
    await expect(download(url, join(folder, "file"), { md5 })).rejects.toThrow(
      `${url}: the server answers 404`,
    );
    expect(ranges.length).toBe(1);
    ranges = [];
    handler = (_, response) => response.writeHead(503).end();
    const patient = { md5, retries: 2, retryDelay: 1 };
    await expect(download(url, join(folder, "file"), patient)).rejects.toThrow(
      /failed 3 times in a row \(.*503.*\); 0 bytes are kept/,
    );
    expect(ranges.length).toBe(3);
  });

  it("refuses a range it did not ask for", async () => {
    handler = (_, response) =>
      response.writeHead(206, { "content-range": "bytes 7-99/100" }).end("x");
    await writeFile(join(folder, "file.part"), "abc");
    await expect(download(url, join(folder, "file"), { md5 })).rejects.toThrow(
      /asked for bytes from 3, the server sends bytes 7-99/,
    );
  });

  it("stops when told to", async () => {
    handler = (_, response) => breakOff(response, 50_000);
    const stop = new AbortController();
    const stopped = download(url, join(folder, "file"), {
      md5,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(stopped).rejects.toThrow(/abort/i);
    expect(ranges.length).toBe(1);
  });
});

describe("downloadCifar10", () => {
  const names = [
    "batches.meta.txt",
    ...[1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`),
    "test_batch.bin",
  ];

  /** An archive as the system's tar makes it. */
  async function archive(files: readonly string[]): Promise<Buffer> {
    const source = join(folder, "source");
    await mkdir(join(source, "cifar-10-batches-bin"), { recursive: true });
    for (const name of files) {
      await writeFile(join(source, "cifar-10-batches-bin", name), `${name} `.repeat(97));
    }
    const packed = join(folder, "packed.tar.gz");
    execFileSync("tar", ["-czf", packed, "-C", source, "cifar-10-batches-bin"]);
    const data = await readFile(packed);
    await rm(source, { recursive: true });
    return data;
  }

  it("unpacks the archive and keeps a complete folder", async () => {
    const data = await archive([...names, "readme.html"]);
    const sum = createHash("md5").update(data).digest("hex");
    handler = (request, response) => serve(data, request, response);
    const target = join(folder, "target");
    const path = await downloadCifar10(target, { url, md5: sum });
    expect(path).toBe(join(target, "cifar-10-batches-bin"));
    expect(await readdir(target)).toEqual(["cifar-10-batches-bin"]);
    expect((await readdir(path)).sort()).toEqual(names);
    expect(await readFile(join(path, "data_batch_3.bin"), "utf8")).toBe(
      "data_batch_3.bin ".repeat(97),
    );
    expect(await downloadCifar10(target, { url, md5: sum })).toBe(path);
    expect(ranges.length).toBe(1);
    await rm(join(path, "test_batch.bin"));
    await downloadCifar10(target, { url, md5: sum });
    expect((await readdir(path)).sort()).toEqual(names);
  });

  it("names what an archive lacks", async () => {
    const data = await archive(names.slice(0, 5));
    const sum = createHash("md5").update(data).digest("hex");
    handler = (request, response) => serve(data, request, response);
    await expect(downloadCifar10(join(folder, "target"), { url, md5: sum })).rejects.toThrow(
      /lacks data_batch_5.bin, test_batch.bin/,
    );
  });

  it("says so when the archive is no gzip file, or a cut one", async () => {
    const data = await archive(names);
    for (const broken of [data.subarray(0, -9), Buffer.from("none")]) {
      const sum = createHash("md5").update(broken).digest("hex");
      handler = (request, response) => serve(broken, request, response);
      await expect(downloadCifar10(join(folder, sum), { url, md5: sum })).rejects.toThrow(
        expect.objectContaining({
          name: "FileFormatError",
          message: expect.stringMatching(/cifar-10-binary.tar.gz cannot be unpacked .*remove it/),
        }),
      );
    }
  });
});
