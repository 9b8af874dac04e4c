import { writeSync } from "node:fs";
import process from "node:process";
import { isMainThread, Worker, workerData } from "node:worker_threads";

/** An input that takes longer, in ms, hangs. */
const PATIENCE = 20_000;
const LOOKS_EACH = 500;
const ROOM = 1 << 17;
const STDERR = 2;

/** Ends the process where one input takes for ever, having printed which one it is. */
export class Watchdog {
  readonly #count: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #worker: Worker;

  constructor(target: string) {
    const shared = new SharedArrayBuffer(8 + ROOM);
    this.#count = new Int32Array(shared, 0, 2);
    this.#bytes = new Uint8Array(shared, 8);
    this.#worker = new Worker(new URL(import.meta.url), { workerData: { shared, target } });
    this.#worker.unref();
  }

  /** An input is about to be run. */
  runs(input: Uint8Array): void {
    this.#bytes.set(input.subarray(0, ROOM));
    this.#count[1] = input.length;
    this.#count[0]!++;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

function watch({ shared, target }: { readonly shared: SharedArrayBuffer; readonly target: string }): void {
  const count = new Int32Array(shared, 0, 2);
  let [seen, since] = [-1, performance.now()];
  setInterval(() => {
    if (count[0] !== seen) [seen, since] = [count[0]!, performance.now()];
    if (seen === 0 || performance.now() - since < PATIENCE) return;
    const hex = Buffer.from(new Uint8Array(shared, 8, count[1])).toString("hex");
    writeSync(STDERR, `✗ ${target} hangs: npm run fuzz -- --target ${target} --input ${hex}\n`);
    process.kill(process.pid, "SIGKILL");
  }, LOOKS_EACH);
}

if (!isMainThread && workerData?.shared !== undefined) watch(workerData);
