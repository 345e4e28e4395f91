// The loop that every thread runs over the command list, and the barrier between commands.
//
// A command is [op, size in bytes, params...]; op is a slot of the function table or one of the
// control ops below. All threads walk the same list, so control ops need no shared state.

// @ts-ignore: decorator
@external("env", "signal")
declare function signal(id: i32): void;

/** Goes on at params[0]. */
const JUMP: u32 = 0xffff0001;
/** Goes on at params[0] until RETURN. */
const CALL: u32 = 0xffff0002;
const RETURN: u32 = 0xffff0003;
/** All before it is done on every thread: publishes params[0] and calls signal(params[1]) if not 0. */
const FENCE: u32 = 0xffff0004;

// The control block's words, as byte offsets; each on a cache line of its own.
const TAIL = 0;
const IDLE = 64;
const DONE = 128;
const CURRENT = 192;
const ARRIVED = 256;
const GENERATION = 320;
const ASLEEP = 384;

/** Bytes of private memory per thread, behind the control words; see `threadScratch`. */
const CONTROL_BYTES = 512;
const THREAD_BYTES = 8192;

const SPINS = 4000;

/** This thread's private scratch memory, for the length of one command. */
export let threadScratch: usize = 0;

/** The first address behind static data. */
export function heapBase(): usize {
  return (__heap_base + 1023) & ~1023;
}

function barrier(control: usize, threads: i32): void {
  if (!ASC_FEATURE_THREADS) return;
  const generation = atomic.load<i32>(control, GENERATION);
  if (atomic.add<i32>(control, 1, ARRIVED) + 1 == threads) {
    atomic.store<i32>(control, 0, ARRIVED);
    atomic.store<i32>(control, generation + 1, GENERATION);
    if (atomic.load<i32>(control, ASLEEP) != 0) atomic.notify(control + GENERATION, -1);
    return;
  }
  for (let i = 0; i < SPINS; i++) {
    if (atomic.load<i32>(control, GENERATION) != generation) return;
  }
  atomic.add<i32>(control, 1, ASLEEP);
  while (atomic.load<i32>(control, GENERATION) == generation) {
    atomic.wait<i32>(control + GENERATION, generation, -1);
  }
  atomic.sub<i32>(control, 1, ASLEEP);
}

/** Waits until there are commands behind `at`. */
function awaitCommands(control: usize, at: usize): void {
  if (!ASC_FEATURE_THREADS) return;
  for (let i = 0; i < SPINS; i++) {
    if (atomic.load<u32>(control, TAIL) != at) return;
  }
  atomic.add<i32>(control, 1, IDLE);
  while (atomic.load<u32>(control, TAIL) == at) {
    atomic.wait<i32>(control + TAIL, at, -1);
  }
  atomic.sub<i32>(control, 1, IDLE);
}

let back: usize = 0;

/** One command at `at`; the address of the next one. */
function step(thread: i32, threads: i32, control: usize, at: usize): usize {
  const op = load<u32>(at);
  const next = at + load<u32>(at, 4);
  if (op < JUMP) {
    // By every thread: the one that traps must not be ahead of the one that says where.
    store<u32>(control, op, CURRENT);
    call_indirect<void>(op, thread, threads, at + 8);
    if (threads > 1) barrier(control, threads);
    return next;
  }
  if (op == JUMP) return load<u32>(at, 8);
  if (op == CALL) {
    back = next;
    return load<u32>(at, 8);
  }
  if (op == RETURN) return back;
  const done = load<u32>(at, 8);
  const id = load<i32>(at, 12);
  if (threads > 1) barrier(control, threads);
  if (thread == 0) {
    if (ASC_FEATURE_THREADS) atomic.store<u32>(control, done, DONE);
    else store<u32>(control, done, DONE);
    if (id != 0) signal(id);
  }
  return next;
}

/** A worker's whole life: runs the list from `at`, sleeping where it ends. */
export function work(thread: i32, threads: i32, control: usize, at: usize): void {
  threadScratch = control + CONTROL_BYTES + thread * THREAD_BYTES;
  while (true) {
    if (ASC_FEATURE_THREADS) {
      if (atomic.load<u32>(control, TAIL) == at) awaitCommands(control, at);
    }
    at = step(thread, threads, control, at);
  }
}

/** For the calling thread: runs one command and returns the address of the next. */
export function once(control: usize, at: usize): usize {
  threadScratch = control + CONTROL_BYTES;
  return step(0, 1, control, at);
}
