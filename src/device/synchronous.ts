/**
 * The result of a body that must be synchronous. What holds while it runs has ended when its first
 * `await` returns, so a promise is a TypeError; what its work ends with is then nobody's.
 */
export function synchronous<T>(what: string, result: T): T {
  if (typeof (result as { then?: unknown } | null | undefined)?.then !== "function") return result;
  Promise.resolve(result).catch(() => {});
  throw new TypeError(
    `${what}: its body must not be asynchronous, because ${what} ends at the first await; ` +
      `await outside, and call ${what} around each synchronous part`,
  );
}
