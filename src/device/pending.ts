/**
 * What an enqueued read or wait gives. It may fail long before anyone awaits it, a few steps later
 * or never; that must not end the process as an unhandled rejection. Whoever awaits it hears of it.
 */
export function pending<T>(result: Promise<T>): Promise<T> {
  result.catch(() => {});
  return result;
}
