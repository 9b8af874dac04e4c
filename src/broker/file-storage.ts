import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { lockFolder } from "./folder-lock.ts";
import { type Storage, StorageError, type StoredFile } from "./storage.ts";

/** Files that are kept open: of more partitions than a process may have files, the busiest. */
const OPEN_FILES = 256;
const TEMPORARY = ".tmp";

/**
 * A folder of the file system. One process uses it at a time: throws a {@link StorageError} where another one does. `id`:
 * any text that no other opening of a folder has.
 */
export function openFileStorage(folder: string, id: string): Storage {
  named(folder, () => fs.mkdirSync(folder, { recursive: true }));
  const unlock = lockFolder(folder, id);
  const open = new OpenFiles();
  const at = (path: string): string => join(folder, path);
  return {
    list(path) {
      try {
        return fs.readdirSync(at(path)).sort();
      } catch (error) {
        if ((error as { code?: string }).code === "ENOENT") return [];
        throw unavailable(at(path), error);
      }
    },
    open: (path) => new FileInFolder(at(path), open),
    replace(path, bytes) {
      const temporary = at(path) + TEMPORARY;
      named(at(path), () => {
        fs.mkdirSync(dirname(temporary), { recursive: true });
        fs.writeFileSync(temporary, bytes);
        open.close(at(path));
        fs.renameSync(temporary, at(path));
      });
    },
    remove(path) {
      open.closeUnder(at(path));
      named(at(path), () => fs.rmSync(at(path), { recursive: true, force: true }));
    },
    close() {
      open.closeUnder(folder);
      unlock();
    },
  };
}

class FileInFolder implements StoredFile {
  readonly #path: string;
  readonly #open: OpenFiles;
  #size: number;

  constructor(path: string, open: OpenFiles) {
    this.#path = path;
    this.#open = open;
    this.#size = named(path, () => fs.fstatSync(open.descriptor(path)).size);
  }

  get size(): number {
    return this.#size;
  }

  append(bytes: Uint8Array): void {
    try {
      const descriptor = this.#open.descriptor(this.#path);
      // At its place, not at the end: what a failed write has left behind is written over.
      for (let done = 0; done < bytes.length; ) {
        done += fs.writeSync(descriptor, bytes, done, bytes.length - done, this.#size + done);
      }
    } catch (error) {
      throw unavailable(this.#path, error);
    }
    this.#size += bytes.length;
  }

  read(position: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    named(this.#path, () => {
      const descriptor = this.#open.descriptor(this.#path);
      for (let done = 0; done < length; ) {
        const count = fs.readSync(descriptor, bytes, done, length - done, position + done);
        if (count === 0) throw new Error(`it ends before byte ${position + length}`);
        done += count;
      }
    });
    return bytes;
  }

  truncate(size: number): void {
    named(this.#path, () => fs.ftruncateSync(this.#open.descriptor(this.#path), size));
    this.#size = size;
  }
}

/** Descriptors by path: the one that was not used for longest is closed first. */
class OpenFiles {
  readonly #descriptors = new Map<string, number>();

  descriptor(path: string): number {
    let descriptor = this.#descriptors.get(path);
    if (descriptor === undefined) {
      fs.mkdirSync(dirname(path), { recursive: true });
      descriptor = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
      if (this.#descriptors.size >= OPEN_FILES) this.close(this.#descriptors.keys().next().value!);
    } else {
      this.#descriptors.delete(path);
    }
    this.#descriptors.set(path, descriptor);
    return descriptor;
  }

  close(path: string): void {
    const descriptor = this.#descriptors.get(path);
    if (descriptor === undefined) return;
    this.#descriptors.delete(path);
    fs.closeSync(descriptor);
  }

  closeUnder(path: string): void {
    for (const one of [...this.#descriptors.keys()]) {
      if (one === path || one.startsWith(join(path, "/"))) this.close(one);
    }
  }
}

function named<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw unavailable(path, error);
  }
}

function unavailable(path: string, cause: unknown): StorageError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StorageError("UNAVAILABLE", `${path} cannot be used: ${why}`, { cause });
}
