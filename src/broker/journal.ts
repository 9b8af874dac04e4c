import { concatBytes } from "../../protocol/byte-copy.ts";
import { crc32c } from "../../protocol/crc32c.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";
import { decodeJournalValue, encodeJournalValue, type JournalValue } from "./journal-value.ts";
import { type Storage, StorageError, type StoredFile } from "./storage.ts";

/** One entry's new value; undefined: it is forgotten. */
export type JournalChange = readonly [key: string, value: JournalValue | undefined];

/**
 * Entries by key that outlive the process, for state that lives in memory and is small: topics, groups, transactions.
 *
 * How to use it: `store.journal("groups")` gives yours ({@link ClusterStore}). Read `entries` once, when the state is
 * made, and build the state from them; then `write` every change before the request that made it is answered. What
 * belongs together goes into one `write`, which a crash leaves whole or out. In memory mode there are no entries, and
 * writing does nothing.
 */
export interface Journal {
  /** What was kept when the process started, and what was written since. */
  readonly entries: Iterable<readonly [key: string, value: JournalValue]>;
  /** Keeps these values, all or none of them. Throws a {@link StorageError} where they cannot be written. */
  write(changes: readonly JournalChange[]): void;
}

/** The journal of a broker that keeps nothing. */
export const noJournal: Journal = { entries: [], write: () => undefined };

/** Before the payload: its length and its CRC-32C. */
const FRAME_HEADER = 8;
/** A smaller file is not worth writing anew. */
const SMALL = 64 * 1024;
/** How many times the size of what it keeps a file may have. */
const SLACK = 4;

/**
 * Opens the journal in a file, which may be new. Each `write` is one frame; what follows the last whole frame is the
 * rest of a write that the process did not live to end, and is cut. Throws a {@link StorageError} where a frame is
 * damaged that others follow.
 */
export function openJournal(storage: Storage, path: string): Journal {
  let file = storage.open(path);
  const texts = readFrames(file, path);
  let live = 0;
  for (const [key, text] of texts) live += sizeOf(key, text);

  const readValue = (key: string, text: string): JournalValue => {
    try {
      return decodeJournalValue(text);
    } catch {
      throw strange(path, `under the key ${JSON.stringify(key)}`);
    }
  };
  const compact = (): void => {
    const frames = [...texts].map(([key, text]) => frameOf([[key, text]]));
    try {
      storage.replace(path, concatBytes(frames));
    } catch (error) {
      // Then it stays as it is, longer than it need be: nothing that was written is lost.
      if (error instanceof StorageError) return;
      throw error;
    }
    file = storage.open(path);
  };
  return {
    get entries() {
      return Array.from(texts, ([key, text]) => [key, readValue(key, text)] as const);
    },
    write(changes) {
      if (changes.length === 0) return;
      const encoded = changes.map(
        ([key, value]) => [key, value === undefined ? undefined : encodeJournalValue(value)] as const,
      );
      file.append(frameOf(encoded));
      for (const [key, text] of encoded) {
        live += sizeOf(key, text) - sizeOf(key, texts.get(key));
        if (text === undefined) texts.delete(key);
        else texts.set(key, text);
      }
      if (file.size > SMALL && file.size > SLACK * live) compact();
    },
  };
}

function sizeOf(key: string, text: string | undefined): number {
  return text === undefined ? 0 : key.length + text.length;
}

type EncodedChange = readonly [key: string, text: string | undefined];

/** A list of pairs as JSON, the values as the JSON they are already; a key alone is forgotten. */
function frameOf(changes: readonly EncodedChange[]): Uint8Array {
  const parts = changes.map(([key, text]) => `[${JSON.stringify(key)}${text === undefined ? "" : `,${text}`}]`);
  const payload = encodeUtf8(`[${parts.join(",")}]`);
  const frame = new Uint8Array(FRAME_HEADER + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, payload.length);
  view.setUint32(4, crc32c(payload, 0, payload.length));
  frame.set(payload, FRAME_HEADER);
  return frame;
}

function readFrames(file: StoredFile, path: string): Map<string, string> {
  const bytes = file.read(0, file.size);
  const texts = new Map<string, string>();
  let at = 0;
  for (let end = frameEnd(bytes, at); end !== undefined; end = frameEnd(bytes, at)) {
    const changes = changesIn(bytes.subarray(at + FRAME_HEADER, end));
    if (changes === undefined) throw strange(path, `at byte ${at}`);
    for (const [key, text] of changes) {
      if (text === undefined) texts.delete(key);
      else texts.set(key, text);
    }
    at = end;
  }
  for (let later = at + 1; later < bytes.length; later++) {
    if (frameEnd(bytes, later) === undefined) continue;
    throw new StorageError(
      "DAMAGED",
      `${path} is damaged at byte ${at}, and more follows at byte ${later}: restore the file from a backup, or cut it to ${at} bytes to go on without what follows`,
    );
  }
  if (at < bytes.length) file.truncate(at);
  return texts;
}

/** Undefined: it is what it was, as its sum says, and still nothing that a journal writes. */
function changesIn(payload: Uint8Array): EncodedChange[] | undefined {
  try {
    const changes = JSON.parse(new TextDecoder().decode(payload)) as [string, ...unknown[]][];
    if (!changes.every((change) => Array.isArray(change) && typeof change[0] === "string")) return undefined;
    return changes.map(([key, ...values]) => [key, values.length === 0 ? undefined : JSON.stringify(values[0])]);
  } catch {
    return undefined;
  }
}

function strange(path: string, where: string): StorageError {
  return new StorageError("DAMAGED", `${path} has what no journal writes, ${where}: restore the file from a backup`);
}

/** Where the frame at `at` ends, or undefined where there is no whole one. */
function frameEnd(bytes: Uint8Array, at: number): number | undefined {
  if (bytes.length - at < FRAME_HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const length = view.getUint32(0);
  const start = at + FRAME_HEADER;
  // Every payload is a list of lists: most places that are no frame are ruled out by that.
  if (length < 2 || length > bytes.length - start || bytes[start] !== 0x5b || bytes[start + 1] !== 0x5b)
    return undefined;
  return crc32c(bytes, start, start + length) === view.getUint32(4) ? start + length : undefined;
}
