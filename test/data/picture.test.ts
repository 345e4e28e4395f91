import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { blended, blendedWith } from "../../src/attacks/index.js";
import { decodePicture, loadPicture, PictureError } from "../../src/data/picture.js";
import { fileHash } from "../../src/files/atomic.js";

interface Case {
  file: string;
  pixels: number[];
  shape: number[];
}

/** Files that Pillow wrote, and the pixels it reads in them; see pictures.py. */
const { cases, small } = JSON.parse(
  readFileSync(new URL("../fixtures/pictures.json", import.meta.url), "utf8"),
) as { cases: Record<string, Case>; small: [rgb: number[], grey: number[]] };
const bytesOf = (name: string): Uint8Array =>
  new Uint8Array(Buffer.from(cases[name]?.file ?? "", "base64"));
const readable = Object.keys(cases).filter((name) => !name.endsWith(".gif"));

const folder = mkdtempSync(join(tmpdir(), "shiftgrad-picture-"));
afterAll(() => rmSync(folder, { recursive: true }));
const placed = (name: string): string => {
  const path = join(folder, name);
  writeFileSync(path, bytesOf(name));
  return path;
};

test.each(readable)("%s has the pixels that Pillow finds", (name) => {
  const { pixels, shape } = cases[name] as Case;
  const found = decodePicture(bytesOf(name), name);
  expect([found.height, found.width]).toEqual(shape.slice(0, 2));
  expect(found.pixels.length).toBe(found.height * found.width * found.channels);
  const colours = shape[2] ?? 1;
  // A grey JPEG comes as three equal channels. Decoders of JPEG round apart by a level or two.
  const bound = name.endsWith(".jpg") ? 3 : 0;
  found.pixels.forEach((value, i) => {
    const pixel = Math.floor(i / found.channels) * colours + ((i % found.channels) % colours);
    expect(Math.abs(value - (pixels[pixel] ?? Number.NaN)), `${i}`).toBeLessThanOrEqual(bound);
  });
});

test("a picture is resized to the images, and turned to grey for grey ones", async () => {
  const file = placed("rgb.png");
  const size = { height: 5, width: 4 };
  expect([...(await loadPicture({ file }, { ...size, channels: 3 }))]).toEqual(small[0]);
  expect([...(await loadPicture({ file }, { ...size, channels: 1 }))]).toEqual(small[1]);
  const wide = await loadPicture({ file: placed("grey.png") }, { ...size, channels: 3 });
  expect([...wide].filter((_, i) => i % 3 === 0)).toEqual(small[1]);
  expect([...wide].filter((_, i) => i % 3 === 2)).toEqual(small[1]);
});

test("every cut of a file is refused, in PNG by its checksums and in JPEG by its end", () => {
  for (const name of ["rgb.png", "palette.png", "baseline.jpg", "progressive.jpg"]) {
    const whole = bytesOf(name);
    for (let length = 0; length < whole.length - 2; length += 7) {
      expect(() => decodePicture(whole.subarray(0, length), name), `${name} ${length}`).toThrow(
        PictureError,
      );
    }
  }
  const flipped = bytesOf("rgb.png");
  flipped[60] = (flipped[60] ?? 0) ^ 4;
  expect(() => decodePicture(flipped, "rgb.png")).toThrow(/rgb\.png cannot be read as a PNG file/);
  expect(() => decodePicture(bytesOf("picture.gif"), "x.png")).toThrow(
    "x.png is neither a PNG nor a JPEG file",
  );
  const huge = bytesOf("rgb.png");
  huge.set([0, 1, 0, 0, 0, 1, 0, 0], 16);
  expect(() => decodePicture(huge, "huge.png")).toThrow(/4294967296 pixels are more than 64000000/);
});

test("Blended takes a picture file; its hash is what a run's record holds", async () => {
  const shape = { height: 5, width: 4, channels: 3 };
  const file = placed("rgb.png");
  const image = Uint8Array.from({ length: 60 }, (_, i) => (i * 37) % 256);
  const attack = await blended.make(shape, { picture: { file }, alpha: 0.3 });
  const own = blendedWith(Uint8Array.from(small[0]), shape, 0.3);
  expect(attack.apply(image, 0, "train")).toEqual(own.apply(image, 0, "train"));

  const settled = await blended.options.settle(blended.options.fill({ picture: { file } }));
  expect(settled.picture).toEqual({ file, sha256: fileHash(bytesOf("rgb.png")) });
  expect(blended.options.read(JSON.parse(JSON.stringify(settled)), "record")).toEqual(settled);
  await expect(blended.make(shape, settled)).resolves.toMatchObject({ name: "blended" });
  writeFileSync(file, bytesOf("grey.png"));
  await expect(blended.make(shape, settled)).rejects.toThrow(
    /rgb\.png is not the picture of the run: its SHA-256 is .* put the run's own picture back/,
  );
  expect(() => blended.options.read({ ...settled, picture: { file } }, "record")).toThrow(
    /record: picture must be "noise" or "smooth" or a PNG or JPEG file, not \{"file":/,
  );
  await expect(blended.make(shape, { picture: { file: "/no/such.png" } })).rejects.toThrow(
    /cannot read the picture \/no\/such\.png: ENOENT/,
  );
});
