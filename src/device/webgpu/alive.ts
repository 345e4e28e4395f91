let waiting = 0;
let timer: ReturnType<typeof setInterval> | undefined;

const nap =
  typeof SharedArrayBuffer === "undefined" ? null : new Int32Array(new SharedArrayBuffer(4));
const napMs = 1;
let resting = 0;

/**
 * Keeps Node's event loop running until `work` settles; a pending GPU promise alone does not.
 *
 * @param rest let the processor rest meanwhile. Dawn in Node asks for finished work in every turn of
 *   the event loop and never sleeps, which takes a core from an adapter that runs on the processor:
 *   a turn of the loop then takes a millisecond.
 */
export async function keepAlive<T>(work: Promise<T>, rest = false): Promise<T> {
  if (waiting++ === 0) timer = setInterval(() => {}, 2 ** 30);
  const rests = rest && nap !== null && typeof setImmediate === "function";
  if (rests && resting++ === 0) setImmediate(sleep);
  try {
    return await work;
  } finally {
    if (--waiting === 0) clearInterval(timer);
    if (rests) resting--;
  }
}

function sleep(): void {
  if (resting === 0 || nap === null) return;
  Atomics.wait(nap, 0, 0, napMs);
  setImmediate(sleep);
}
