import { constants } from "node:os";

/**
 * Lets no output end the program: what nobody reads, or what a full disk does not take, is dropped,
 * and the work goes on.
 *
 * @returns a function that waits until all of stdout is out and resolves to why some of it is lost;
 *   to null too where a reader had enough, as `head` has
 */
export function guardOutputs(): () => Promise<Error | null> {
  let lost: NodeJS.ErrnoException | null = null;
  process.stdout.on("error", (error) => {
    lost ??= error;
  });
  process.stderr.on("error", () => undefined);
  return async () => {
    await new Promise<void>((resolve) => {
      process.stdout.write("", () => resolve());
    });
    return lost?.code === "EPIPE" ? null : lost;
  };
}

export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** The user, or the system, asked to stop. */
export class Interrupted extends Error {
  override name = "Interrupted";
  readonly signal: StopSignal;

  constructor(signal: StopSignal) {
    super("interrupted");
    this.signal = signal;
  }
}

/** What a shell shows of a process that a signal ended. */
export const exitCodeOf = (signal: StopSignal): number => 128 + constants.signals[signal];

/**
 * Aborts at the first signal to stop; at the second one the process ends at once.
 *
 * @param onStop called at the first
 * @returns the way back
 */
export function stopOnSignals(controller: AbortController, onStop: () => void): () => void {
  const signals: readonly StopSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  const stop = (signal: StopSignal): void => {
    if (controller.signal.aborted) process.exit(exitCodeOf(signal));
    controller.abort(new Interrupted(signal));
    onStop();
  };
  for (const signal of signals) process.on(signal, stop);
  return () => {
    for (const signal of signals) process.off(signal, stop);
  };
}
