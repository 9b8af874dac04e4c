import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** The inputs of a target that are kept: in a file, each a line of base64. */
export interface Corpus {
  /** They get to places that the target's own inputs do not get to. */
  readonly inputs: readonly Uint8Array[];
  /** They failed once. They are marked by a "!". */
  readonly found: readonly Uint8Array[];
}

const FOLDER = new URL("corpus/", import.meta.url);
const MARK = "!";

export function readCorpus(target: string): Corpus {
  const file = new URL(`${target}.txt`, FOLDER);
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  return {
    inputs: lines.filter((line) => !line.startsWith(MARK)).map(decode),
    found: lines.filter((line) => line.startsWith(MARK)).map((line) => decode(line.slice(1))),
  };
}

export function writeCorpus(target: string, { inputs, found }: Corpus): void {
  const lines = [...found.map((bytes) => MARK + encode(bytes)), ...inputs.map(encode)];
  const sorted = [...new Set(lines)].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  writeFileSync(new URL(`${target}.txt`, FOLDER), sorted.map((line) => `${line}\n`).join(""));
}

function encode(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function decode(line: string): Uint8Array {
  return Uint8Array.from(atob(line), (char) => char.charCodeAt(0));
}
