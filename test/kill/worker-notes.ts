import { closeSync, existsSync, openSync, readSync } from "node:fs";
import type { LedgerEntry } from "../support/ledger.ts";

const chunk = new Uint8Array(1 << 18);

/** One worker's notes on disk, each line read once. */
class NoteFile {
  readonly #path: string;
  readonly #decoder = new TextDecoder();
  #position = 0;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** What was noted since. A kill may cut the last line, which is never whole then. */
  read(): LedgerEntry[] {
    if (!existsSync(this.#path)) return [];
    const file = openSync(this.#path, "r");
    for (let read = -1; read !== 0; this.#position += read) {
      read = readSync(file, chunk, 0, chunk.length, this.#position);
      this.#rest += this.#decoder.decode(chunk.subarray(0, read), { stream: true });
    }
    closeSync(file);
    const lines = this.#rest.split("\n");
    this.#rest = lines.pop()!;
    return lines.map((line): LedgerEntry => JSON.parse(line));
  }
}

/** What the workers of a run have noted, and what follows from it. */
export class WorkerNotes {
  readonly #folder: string;
  readonly #files: NoteFile[] = [];
  readonly #all: LedgerEntry[] = [];
  readonly #ended = new Set<string>();
  readonly #lastEnds = new Map<number, number>();
  readonly #owned = new Map<string, Set<number>>();
  /** The last thing that is known of a job of a worker's partition, by both. */
  readonly #latest = new Map<string, "start" | "end">();

  constructor(folder: string) {
    this.#folder = folder;
  }

  pathOf(name: string): string {
    return `${this.#folder}/${name}.jsonl`;
  }

  /** There is one more worker. */
  add(name: string): void {
    this.#files.push(new NoteFile(this.pathOf(name)));
  }

  /** All notes until now, each worker's in the order in which they were made. */
  read(): readonly LedgerEntry[] {
    for (const file of this.#files) {
      for (const entry of file.read()) {
        this.#all.push(entry);
        this.#learn(entry);
      }
    }
    return this.#all;
  }

  #learn(entry: LedgerEntry): void {
    if (entry.what === "start" || entry.what === "end") this.#latest.set(`${entry.by}/${entry.partition}`, entry.what);
    if (entry.what === "end") {
      const { partition, offset, at } = entry;
      this.#ended.add(`${partition}/${offset}`);
      this.#lastEnds.set(partition, Math.max(at, this.#lastEnds.get(partition) ?? 0));
    }
    if (entry.what !== "assigned" && entry.what !== "revoked" && entry.what !== "lost") return;
    const owned = this.#owned.get(entry.by) ?? new Set();
    this.#owned.set(entry.by, owned);
    if (entry.what === "assigned") owned.add(entry.partition);
    else owned.delete(entry.partition);
  }

  /** The jobs that have ended, well or not, as `partition/offset`. */
  get ended(): ReadonlySet<string> {
    this.read();
    return this.#ended;
  }

  /** When a job of each partition ended last. */
  get lastEnds(): ReadonlyMap<number, number> {
    this.read();
    return this.#lastEnds;
  }

  /** The partitions that a worker has, as far as it knows. */
  ownedBy(name: string): readonly number[] {
    this.read();
    return [...(this.#owned.get(name) ?? [])];
  }

  /** Whether a worker has jobs of all its partitions under way. */
  isBusy(name: string): boolean {
    const owned = this.ownedBy(name);
    return owned.length > 0 && owned.every((partition) => this.#latest.get(`${name}/${partition}`) === "start");
  }
}
