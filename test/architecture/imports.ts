import { posix } from "node:path";
import { lineAt, type SourceFile } from "./source-file.ts";

export interface Import {
  readonly line: number;
  /** As written; null where it is computed. */
  readonly specifier: string | null;
  /** The file meant, from the root; undefined for a package or a built-in module. */
  readonly target: string | undefined;
}

/** Up to the quote of a specifier: `import … from`, `export … from`, a bare `import`, `import(` of values and types. */
const IMPORT = /\b(?:import|export)\b[^;"'()]*?\bfrom\s*(?=["'])|\bimport\s*(?=["'])|\bimport\s*\(\s*/g;

/** Everything a file imports, values and types, static and dynamic. */
export function importsOf(file: SourceFile): Import[] {
  return [...file.code.matchAll(IMPORT)].map((match) => {
    const at = match.index + match[0].length;
    const specifier = /^(["'])(.*?)\1/.exec(file.text.slice(at))?.[2] ?? null;
    const target = specifier?.startsWith(".") ? posix.join(posix.dirname(file.path), specifier) : undefined;
    return { line: lineAt(file.text, match.index), specifier, target };
  });
}
