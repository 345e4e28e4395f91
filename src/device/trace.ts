import type { ProfiledCall } from "./profile.js";

/** A "complete" event of the trace event format; times in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly ph: "X" | "M";
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args?: Readonly<Record<string, number | string>>;
}

const tracks = { calls: 1, dispatches: 2 } as const;

/**
 * A profile as a file that chrome://tracing and Perfetto open (trace event format, JSON object
 * form): one track of kernel calls, with shape, operations and bytes, above one of their dispatches.
 * A track cannot show events that overlap, so one that began before its predecessor's end, as a GPU
 * may do, is shown from that end on; `args.startMs` is when it began.
 */
export function chromeTrace(calls: readonly ProfiledCall[], device: string): string {
  const events: TraceEvent[] = [
    named("process_name", 0, device),
    named("thread_name", tracks.calls, "kernel calls"),
    named("thread_name", tracks.dispatches, "dispatches"),
  ];
  let free = 0;
  for (const { name, shape, flops, bytes, dispatches } of calls) {
    const shown = dispatches.map(({ name: shader, start, end }): TraceEvent => {
      const ts = 1000 * Math.max(start, free);
      free = Math.max(free, end);
      const args = { startMs: start, endMs: end };
      return complete(shader, "dispatch", tracks.dispatches, ts, 1000 * free - ts, args);
    });
    const ts = shown[0]?.ts ?? 1000 * free;
    const ms = dispatches.reduce((sum, { start, end }) => sum + end - start, 0);
    const rates = { "GFLOP/s": flops / ms / 1e6, "GB/s": bytes / ms / 1e6 };
    const args = { shape, flops, bytes, ...rates };
    events.push(complete(name, "call", tracks.calls, ts, 1000 * free - ts, args), ...shown);
  }
  return JSON.stringify({ displayTimeUnit: "ms", traceEvents: events });
}

const named = (name: string, tid: number, value: string): TraceEvent => ({
  ...{ name, ph: "M", pid: 1, tid },
  args: { name: value },
});

const complete = (
  name: string,
  cat: string,
  tid: number,
  ts: number,
  dur: number,
  args: Readonly<Record<string, number | string>>,
): TraceEvent => ({ name, cat, ph: "X", pid: 1, tid, ts, dur, args });
