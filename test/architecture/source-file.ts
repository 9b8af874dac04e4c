import { readdirSync, readFileSync } from "node:fs";
import { codeOnly } from "./code-only.ts";

/** A TypeScript file of the repository. */
export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text without comments and without the insides of strings. */
  readonly code: string;
}

export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, code: codeOnly(text) };
}

/** All TypeScript files below `folders`, and the files named in it. */
export function readSources(root: URL, folders: readonly string[]): SourceFile[] {
  const paths = folders.flatMap((folder) => (folder.endsWith(".ts") ? [folder] : walk(root, folder)));
  return paths.sort().map((path) => sourceFile(path, readFileSync(new URL(path, root), "utf8")));
}

function walk(root: URL, folder: string): string[] {
  return readdirSync(new URL(`${folder}/`, root), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    // Peers that a bench compares with are installed below it.
    if (entry.name === "node_modules") return [];
    if (entry.isDirectory()) return walk(root, path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

/** The line, from 1, of a place in a text. */
export function lineAt(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}
