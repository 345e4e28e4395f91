let waiting = 0;
let timer: ReturnType<typeof setInterval> | undefined;

const nap =
  typeof SharedArrayBuffer === "undefined" ? null : new Int32Array(new SharedArrayBuffer(4));
const napMs = 1;
/** Waits in progress that let the processor rest, and whether the loop's turns are being slowed. */
let resting = 0;
let slowing = false;

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
  if (rests) {
    resting++;
    if (!slowing) setImmediate(sleep);
    slowing = true; // one chain of naps, also for waits that follow each other within a turn
  }
  try {
    return await work;
  } finally {
    if (--waiting === 0) clearInterval(timer);
    if (rests) resting--;
  }
}

function sleep(): void {
  slowing = resting > 0;
  if (!slowing || nap === null) return;
  Atomics.wait(nap, 0, 0, napMs);
  setImmediate(sleep);
}
