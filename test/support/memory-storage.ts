import { type Storage, StorageError, type StoredFile } from "../../src/broker/storage.ts";

/** Files in memory, which outlive the broker that wrote them, and can be cut, damaged and made to fail. */
export class MemoryStorage implements Storage {
  readonly files: Map<string, Uint8Array<ArrayBuffer>>;
  /** How many more bytes may be written: the write that takes more than are left stops in its middle and throws. */
  budget: number = Number.POSITIVE_INFINITY;

  constructor(files: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.files = new Map(Array.from(files, ([path, bytes]) => [path, bytes.slice()]));
  }

  /** What another process would find now. */
  copy(): MemoryStorage {
    return new MemoryStorage(this.files);
  }

  list(folder: string): string[] {
    const prefix = folder === "" ? "" : `${folder}/`;
    const inside = [...this.files.keys()].filter((path) => path.startsWith(prefix));
    return [...new Set(inside.map((path) => path.slice(prefix.length).split("/")[0]!))].sort();
  }

  open(path: string): StoredFile {
    if (!this.files.has(path)) this.files.set(path, new Uint8Array(0));
    const { files } = this;
    const bytes = (): Uint8Array<ArrayBuffer> => files.get(path) ?? new Uint8Array(0);
    let size = bytes().length;
    return {
      get size() {
        return size;
      },
      append: (added) => {
        this.#write(path, added, size);
        size += added.length;
      },
      read: (position, length) => {
        if (position + length > bytes().length) throw new StorageError("UNAVAILABLE", `${path} is too short`);
        return bytes().slice(position, position + length);
      },
      truncate: (wanted) => {
        files.set(path, bytes().slice(0, wanted));
        size = wanted;
      },
    };
  }

  #write(path: string, added: Uint8Array, at: number): void {
    const written = added.subarray(0, Math.min(added.length, this.budget));
    this.budget -= written.length;
    const before = this.files.get(path) ?? new Uint8Array(0);
    const after = new Uint8Array(Math.max(before.length, at + written.length));
    after.set(before);
    after.set(written, at);
    this.files.set(path, after);
    if (written.length < added.length) throw new StorageError("UNAVAILABLE", `${path} cannot be written: no space`);
  }

  replace(path: string, bytes: Uint8Array): void {
    if (bytes.length > this.budget) throw new StorageError("UNAVAILABLE", `${path} cannot be written: no space`);
    this.budget -= bytes.length;
    this.files.set(path, bytes.slice());
  }

  remove(path: string): void {
    for (const one of [...this.files.keys()]) {
      if (one === path || one.startsWith(`${path}/`)) this.files.delete(one);
    }
  }

  close(): void {}
}
