import { type ChunkIndexFile, decodeChunkIndex, encodeChunkIndex } from "./chunk-index-file.ts";
import type { JournalValue } from "./journal-value.ts";
import type { EpochStart } from "./leader-epochs.ts";
import { type ChunkPlace, LogChunk, type StoredBatch } from "./log-chunk.ts";
import { scanBatches } from "./scan-batches.ts";
import { type Storage, StorageError } from "./storage.ts";

/** What was found of a log. */
export interface FoundLog {
  readonly chunks: LogChunk[];
  readonly startOffset: number;
  readonly epochs: readonly EpochStart[];
  /** What was remembered with each chunk, oldest first, up to `from`. */
  readonly states: readonly JournalValue[];
  /** Where the chunks begin that nothing was remembered with. */
  readonly from: number;
}

/** Where a log starts: it moves without a record being written. */
export interface LogStart {
  readonly offset: number;
  /** What is remembered of the batches whose files are gone. */
  readonly state: JournalValue;
}

/** Where that is kept. */
export interface LogStartKeeper {
  readonly kept: LogStart;
  keep(start: LogStart): void;
}

interface Candidate {
  readonly baseOffset: number;
  readonly generation: number;
  readonly hasIndex: boolean;
}

/**
 * The files of one partition's log. A chunk is a file of batches named by its first offset and its generation. When it
 * is full it gets an index file, with what is to be remembered up to there, so that a start reads one file of batches and
 * otherwise indexes. Compaction writes the next generation of a run of chunks, and the moment its index is there, the
 * older files that it covers count no more: whenever the process ends, the log is whole.
 */
export class PartitionFiles {
  readonly #storage: Storage;
  readonly #folder: string;
  readonly #start: LogStartKeeper;
  readonly #generations = new WeakMap<LogChunk, number>();

  constructor(storage: Storage, folder: string, start: LogStartKeeper) {
    this.#storage = storage;
    this.#folder = folder;
    this.#start = start;
  }

  #path(baseOffset: number, generation: number, kind: "log" | "index"): string {
    return `${this.#folder}/${String(baseOffset).padStart(20, "0")}-${generation}.${kind}`;
  }

  /** Reads the log that is there. Throws a {@link StorageError} where it is damaged in a place that is not its end. */
  load(): FoundLog {
    const { offset: startOffset, state } = this.#start.kept;
    const chunks: LogChunk[] = [];
    const states: JournalValue[] = state === null ? [] : [state];
    let epochs: readonly EpochStart[] = [];
    let from: number | undefined;
    let previous: ChunkIndexFile | undefined;
    const candidates = this.#candidates();
    for (const [i, candidate] of candidates.entries()) {
      const end = chunks.at(-1)?.endOffset ?? Math.min(candidate.baseOffset, startOffset);
      if (candidate.baseOffset < end || (candidate.generation > 0 && !candidate.hasIndex)) {
        this.#removeFiles(candidate);
        continue;
      }
      if (candidate.baseOffset > end) throw this.#gap(candidate, end);
      const index = candidate.hasIndex ? this.#readIndex(candidate) : undefined;
      if (index === undefined) {
        const segmentBase = previous?.endsSegment === false ? previous.segmentBase : candidate.baseOffset;
        const scanned = this.#scan(candidate, segmentBase, i === candidates.length - 1);
        chunks.push(scanned.chunk);
        from ??= candidate.baseOffset;
        epochs = [...epochs, ...scanned.epochs.filter((one) => one.epoch !== epochs.at(-1)?.epoch)];
      } else {
        chunks.push(this.#restore(candidate, index));
        epochs = index.epochs;
        if (from === undefined) states.push(index.state);
      }
      previous = index;
      this.#generations.set(chunks.at(-1)!, candidate.generation);
    }
    while (chunks.length > 0 && chunks[0]!.endOffset <= startOffset && chunks[0]!.isSealed)
      this.remove(chunks.shift()!);
    return { chunks, startOffset, epochs, states, from: from ?? chunks.at(-1)?.endOffset ?? startOffset };
  }

  /** By offset; of the same offset, the latest generation first. */
  #candidates(): Candidate[] {
    const names = this.#storage.list(this.#folder);
    const all = new Set(names);
    const found = names.flatMap((name): Candidate[] => {
      const match = /^(\d{20})-(\d+)\.log$/.exec(name);
      if (match === null) return [];
      const hasIndex = all.has(name.replace(/log$/, "index"));
      return [{ baseOffset: Number(match[1]), generation: Number(match[2]), hasIndex }];
    });
    return found.sort((a, b) => a.baseOffset - b.baseOffset || b.generation - a.generation);
  }

  #restore({ baseOffset, generation }: Candidate, { segmentBase, index, size, endOffset }: ChunkIndexFile): LogChunk {
    const path = this.#path(baseOffset, generation, "log");
    const file = this.#storage.open(path);
    if (file.size !== size) {
      const message = `${path} has ${file.size} bytes, and its index is for ${size}: restore both from a backup`;
      throw new StorageError("DAMAGED", message);
    }
    const chunk = LogChunk.restore({ baseOffset, segmentBase }, file, index, endOffset);
    chunk.isSealed = true;
    return chunk;
  }

  #readIndex({ baseOffset, generation }: Pick<Candidate, "baseOffset" | "generation">): ChunkIndexFile {
    const path = this.#path(baseOffset, generation, "index");
    const file = this.#storage.open(path);
    const index = decodeChunkIndex(file.read(0, file.size));
    if (index !== undefined) return index;
    const message = `${path} is damaged: restore it from a backup, or delete it to have the batches read instead`;
    throw new StorageError("DAMAGED", message);
  }

  /** A chunk without an index: the last one, as a rule. What a write left at its end that was not whole is cut. */
  #scan(
    { baseOffset, generation }: Candidate,
    segmentBase: number,
    isLast: boolean,
  ): { readonly chunk: LogChunk; readonly epochs: readonly EpochStart[] } {
    const path = this.#path(baseOffset, generation, "log");
    const file = this.#storage.open(path);
    const { index, endOffset, epochs, size, laterAt } = scanBatches(file.read(0, file.size), baseOffset);
    if (size < file.size) {
      if (laterAt !== undefined || !isLast) {
        const follows = laterAt === undefined ? "another file follows" : `more follows at byte ${laterAt}`;
        throw new StorageError(
          "DAMAGED",
          `${path} is damaged at byte ${size}, after offset ${endOffset - 1}, and ${follows}: restore it from a backup, ` +
            `or cut it to ${size} bytes and delete the files after it to go on without those records`,
        );
      }
      file.truncate(size);
    }
    return { chunk: LogChunk.restore({ baseOffset, segmentBase }, file, index, endOffset), epochs };
  }

  #gap({ baseOffset, generation }: Candidate, end: number): StorageError {
    const path = this.#path(baseOffset, generation, "log");
    const message = `${path} follows a gap: the file with the offsets ${end} to ${baseOffset - 1} is missing. Restore it from a backup.`;
    return new StorageError("DAMAGED", message);
  }

  /** The file of a new chunk. */
  create(place: ChunkPlace): LogChunk {
    const chunk = new LogChunk(place, this.#storage.open(this.#path(place.baseOffset, 0, "log")));
    this.#generations.set(chunk, 0);
    return chunk;
  }

  /** A chunk is full. `state`: what is to be remembered of the batches up to its end. */
  seal(chunk: LogChunk, endsSegment: boolean, epochs: readonly EpochStart[], state: JournalValue): void {
    this.#writeIndex(chunk, { endsSegment, epochs, state });
  }

  #writeIndex(chunk: LogChunk, rest: Pick<ChunkIndexFile, "endsSegment" | "epochs" | "state">): void {
    const { baseOffset, segmentBase, endOffset, size, index } = chunk;
    const path = this.#path(baseOffset, this.#generations.get(chunk)!, "index");
    this.#storage.replace(path, encodeChunkIndex({ segmentBase, endOffset, size, index, ...rest }));
    chunk.isSealed = true;
  }

  /**
   * Puts one chunk with these batches in the place of chunks that follow each other, all of them full. It counts from the
   * moment its index is there.
   */
  replace(
    inputs: readonly LogChunk[],
    place: ChunkPlace,
    batches: readonly StoredBatch[],
    merge: (states: readonly JournalValue[]) => JournalValue,
  ): LogChunk {
    const indexes = inputs.map((chunk) =>
      this.#readIndex({ baseOffset: chunk.baseOffset, generation: this.#generations.get(chunk)! }),
    );
    const generation = this.#generations.get(inputs[0]!)! + 1;
    const path = this.#path(place.baseOffset, generation, "log");
    // What a process left of this that did not live to end it.
    this.#storage.remove(path);
    const chunk = new LogChunk(place, this.#storage.open(path));
    for (const batch of batches) chunk.keep(batch);
    chunk.endOffset = inputs.at(-1)!.endOffset;
    this.#generations.set(chunk, generation);
    const { endsSegment, epochs } = indexes.at(-1)!;
    this.#writeIndex(chunk, { endsSegment, epochs, state: merge(indexes.map(({ state }) => state)) });
    for (const input of inputs) this.remove(input);
    return chunk;
  }

  /** A chunk is the last one again. */
  unseal(chunk: LogChunk): void {
    this.#storage.remove(this.#path(chunk.baseOffset, this.#generations.get(chunk)!, "index"));
    chunk.isSealed = false;
  }

  remove(chunk: LogChunk): void {
    this.#removeFiles({ baseOffset: chunk.baseOffset, generation: this.#generations.get(chunk)! });
  }

  /** The index first: batches without one are still a log. */
  #removeFiles({ baseOffset, generation }: Pick<Candidate, "baseOffset" | "generation">): void {
    this.#storage.remove(this.#path(baseOffset, generation, "index"));
    this.#storage.remove(this.#path(baseOffset, generation, "log"));
  }

  /** What is remembered of the batches up to a chunk's end; undefined where that is not known from files. */
  stateOf(chunk: LogChunk | undefined): JournalValue | undefined {
    if (chunk?.isSealed !== true) return undefined;
    return this.#readIndex({ baseOffset: chunk.baseOffset, generation: this.#generations.get(chunk)! }).state;
  }

  /** The log starts here now. `state`: of the batches whose files go; undefined: none do. */
  keepStart(offset: number, state: JournalValue | undefined): void {
    this.#start.keep({ offset, state: state === undefined ? this.#start.kept.state : state });
  }

  /** The topic is deleted. */
  removeAll(): void {
    this.#storage.remove(this.#folder);
  }
}
