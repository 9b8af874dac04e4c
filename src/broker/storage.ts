/**
 * Where a broker keeps what has to outlive its process. It is passed in as the transport is, so the broker runs where
 * there is no file system, and a test can have a machine that stops at any byte.
 *
 * All calls are synchronous, and what one has done when it returns is there for the next process, whatever becomes of
 * this one: a broker answers once it has written. A machine that stops may lose more, as with Kafka's own defaults.
 */
export interface Storage {
  /** The names of the files and folders in a folder, sorted; none where there is no such folder. */
  list(folder: string): string[];
  /** Opens a file to read and extend it; makes it, with its folders, where there is none. */
  open(path: string): StoredFile;
  /** Gives a file this content: whoever reads it sees the old or the new, never a part. */
  replace(path: string, bytes: Uint8Array): void;
  /** Removes a file, or a folder with everything in it. Nothing where there is none. */
  remove(path: string): void;
  /** Lets go of everything, so that another process may take it. */
  close(): void;
}

/** A file that grows at its end. */
export interface StoredFile {
  readonly size: number;
  /** All of it, or an error and none of it. */
  append(bytes: Uint8Array): void;
  /** Throws where the file ends before. */
  read(position: number, length: number): Uint8Array<ArrayBuffer>;
  /** Cuts the file to this size. */
  truncate(size: number): void;
}

/** What is stored cannot be used. The message names the file, the place in it, and what to do. */
export class StorageError extends Error {
  override readonly name = "StorageError";
  /** "DAMAGED": it is not what was written. "LOCKED": another process uses it. "UNAVAILABLE": it cannot be read or written. */
  readonly code: "DAMAGED" | "LOCKED" | "UNAVAILABLE";

  constructor(code: StorageError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
