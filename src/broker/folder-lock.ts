import * as fs from "node:fs";
import { join } from "node:path";
import * as process from "node:process";
import { StorageError } from "./storage.ts";

/** Who holds a lock. */
interface Holder {
  readonly pid: number;
  /** What tells this process from others that had or will have its id; "" where the system does not say. */
  readonly started: string;
  readonly id: string;
}

/** Folders that are locked by this process: its own id says nothing about them. */
const heldHere = new Set<string>();

/**
 * Makes this process the only one that uses a folder, until the returned function is called. A lock whose process is
 * gone, however it ended, is taken over. Throws a {@link StorageError} where the process lives.
 */
export function lockFolder(folder: string, id: string): () => void {
  const path = join(folder, "lock");
  const real = fs.realpathSync(folder);
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid), id } satisfies Holder);
  for (let attempt = 0; !createWhole(path, mine); attempt++) {
    const holder = readHolder(path);
    if (attempt > 0 || (holder !== undefined && isAlive(holder, real))) throw locked(folder, path, holder);
    takeAway(path, holder, `${path}.${process.pid}`);
  }
  heldHere.add(real);
  return () => {
    heldHere.delete(real);
    fs.rmSync(path, { force: true });
  };
}

/** Makes the file with all of its content at once, or gives false where there is one. */
function createWhole(path: string, content: string): boolean {
  const aside = `${path}.${process.pid}.new`;
  try {
    fs.writeFileSync(aside, content);
    link(aside, path);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return false;
    throw new StorageError("UNAVAILABLE", `${path} cannot be written: ${String(error)}`, { cause: error });
  } finally {
    fs.rmSync(aside, { force: true });
  }
}

/** Gives a file a second name. Where the file system has no such thing, a file of that name with the same content. */
function link(from: string, to: string): void {
  try {
    fs.linkSync(from, to);
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") throw error;
    fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL);
  }
}

/** Undefined: it is gone, or its process died while it wrote. */
function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(fs.readFileSync(path, "utf8")) as Holder;
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder, folder: string): boolean {
  // In a container, the next process often has the same id as the last one.
  if (holder.pid === process.pid) return heldHere.has(folder);
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // A process of another user may not be signalled, and lives.
    if ((error as { code?: string }).code !== "EPERM") return false;
  }
  return holder.started === startOf(holder.pid);
}

/** When a process was started, on which boot of the machine: Linux says it, and other systems do not. */
function startOf(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name, in parentheses, may hold anything; the start is the 20th field after it.
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return `${fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()}/${ticks}`;
  } catch {
    return "";
  }
}

/** Takes a dead process's lock away. Of several processes that try, one succeeds, and the others find a new lock. */
function takeAway(path: string, expected: Holder | undefined, aside: string): void {
  try {
    fs.renameSync(path, aside);
  } catch {
    return;
  }
  const taken = readHolder(aside);
  // Another process was faster, and this is its new lock: it gets it back, unless it is already gone again.
  if (taken?.id !== expected?.id && !fs.existsSync(path)) fs.renameSync(aside, path);
  else fs.rmSync(aside, { force: true });
}

function locked(folder: string, path: string, holder: Holder | undefined): StorageError {
  const who = holder === undefined ? "another process" : `process ${holder.pid}`;
  return new StorageError(
    "LOCKED",
    `${folder} is used by ${who}: stop it, or choose another folder. If no broker runs there, delete ${path}.`,
  );
}
