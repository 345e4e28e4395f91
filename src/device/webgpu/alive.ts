let waiting = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** Keeps Node's event loop running until `work` settles; a pending GPU promise alone does not. */
export async function keepAlive<T>(work: Promise<T>): Promise<T> {
  if (waiting++ === 0) timer = setInterval(() => {}, 2 ** 30);
  try {
    return await work;
  } finally {
    if (--waiting === 0) clearInterval(timer);
  }
}
