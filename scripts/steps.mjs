// Runs programs one after the other, each under its own time limit: what one of them does is lost
// neither by its own failure nor by another's.
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** How long a program may take to end by itself once it was asked to. */
const graceMs = 15_000;

/**
 * @typedef {object} Step
 * @property {string} name its standard output goes to NAME.txt, or to `file`
 * @property {readonly string[]} command arguments of node
 * @property {number} seconds its time limit
 * @property {string} [file]
 */

/**
 * Runs the steps; everything lies in the folder `out`: their outputs, what they said beside it in
 * progress.log, and summary.json, which is complete after every step.
 * @param {readonly Step[]} steps
 * @param {string} out
 * @param {(text: string) => void} [print]
 */
export async function runSteps(steps, out, print = (text) => process.stdout.write(text)) {
  mkdirSync(out, { recursive: true });
  const log = createWriteStream(join(out, "progress.log"), { flags: "a" });
  const results = [];
  for (const step of steps) {
    const head = `\n== ${step.name}: node ${step.command.join(" ")}\n`;
    print(head);
    log.write(head);
    const result = await runStep(step, out, log, print);
    results.push(result);
    print(`== ${outcome(result)}\n`);
    const where = { date: new Date().toISOString(), node: process.version };
    writeFileSync(join(out, "summary.json"), `${JSON.stringify({ ...where, results }, null, 1)}\n`);
  }
  await new Promise((resolve) => log.end(resolve));
  return results;
}

/** One line about a step that has ended. */
export function outcome({ name, code, signal, timedOut, seconds }) {
  const end = timedOut ? "stopped at its limit" : code === 0 ? "ok" : `failed (${code ?? signal})`;
  return `${name.padEnd(21)} ${end}, ${seconds.toFixed(1)} s`;
}

async function runStep({ name, command, seconds: limit, file }, out, log, print) {
  const start = performance.now();
  const output = createWriteStream(join(out, file ?? `${name}.txt`));
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "pipe"] });
  let timedOut = false;
  let last;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGTERM");
    last = setTimeout(() => child.kill("SIGKILL"), graceMs);
  }, limit * 1000);
  child.stdout.on("data", (data) => {
    output.write(data);
    if (!file) print(String(data));
  });
  child.stderr.on("data", (data) => {
    log.write(data);
    print(String(data));
  });
  const [code, signal] = await new Promise((resolve) => {
    child.on("error", (error) => {
      log.write(`${error.message}\n`);
      resolve([1, null]);
    });
    child.on("close", (...end) => resolve(end));
  });
  clearTimeout(timer);
  clearTimeout(last);
  await new Promise((resolve) => output.end(resolve));
  const seconds = (performance.now() - start) / 1000;
  return { name, command, code, signal, timedOut, seconds, limit };
}
