import { importsOf } from "./imports.ts";
import type { SourceFile } from "./source-file.ts";

/** What each layer may import beside itself. The public `mod.ts` at the root is the layer "mod". */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  net: ["protocol"],
  client: ["net", "protocol"],
  jobs: ["client"],
  broker: ["protocol", "net"],
  testing: ["jobs", "broker", "net"],
  cli: ["protocol", "net", "client", "jobs", "broker", "testing"],
  mod: ["protocol", "net", "client", "jobs"],
};

/** The two seams to the outside world are passed through every layer above them. */
const SEAMS = ["src/net/clock.ts", "src/net/transport.ts"];

/** The built-in modules that a layer may use; sockets are opened in src/net only, time comes from its clock. */
const BUILT_IN: Readonly<Record<string, RegExp>> = {
  net: /^(net|tls|dns|dns\/promises|crypto|buffer)$/,
  broker: /^(fs|fs\/promises|path|process|crypto)$/,
  testing: /^(assert|assert\/strict|util)$/,
  cli: /^(?!(net|tls|dgram|timers|timers\/promises|perf_hooks)$)/,
};

export function layerOf(path: string): string {
  return /^(?:src\/)?([^/.]+)/.exec(path)![1]!;
}

/** The imports of a file of `protocol/`, `src/` or the root that its layer must not have. */
export function forbiddenImports(file: SourceFile): string[] {
  return importsOf(file).flatMap(({ line, specifier, target }) => {
    const reason = target === undefined ? outsideReason(file.path, specifier) : insideReason(file.path, target);
    return reason === undefined ? [] : [`${file.path}:${line} imports ${specifier ?? "a computed name"}: ${reason}`];
  });
}

function insideReason(path: string, target: string): string | undefined {
  const [from, to] = [layerOf(path), layerOf(target)];
  const allowed = ALLOWED[from];
  if (allowed === undefined) return `${path} is in no known layer`;
  if (/(^|\/)mod\.ts$/.test(target)) return "no file imports an entry point from inside";
  if (from === to || allowed.includes(to)) return undefined;
  if (SEAMS.includes(target) && from !== "protocol") return undefined;
  return `${from} may import ${[from, ...allowed].join(", ")}`;
}

function outsideReason(path: string, specifier: string | null): string | undefined {
  const layer = layerOf(path);
  if (specifier === null) return layer === "cli" ? undefined : "only the command line loads modules by a computed name";
  if (!specifier.startsWith("node:")) return "the library has no dependencies";
  if (path === "protocol/compression.ts" && specifier === "node:zlib") return undefined;
  return BUILT_IN[layer]?.test(specifier.slice("node:".length))
    ? undefined
    : `${layer} may not use this built-in module`;
}

/** What an entry point does beside re-exporting: `mod.ts` files hold no code of their own. */
export function codeInEntryPoint(file: SourceFile): string[] {
  const rest = file.code
    .replace(/\bexport\s+(type\s+)?(\{[^}]*\}|\*(\s+as\s+\w+)?)\s*from\s*["'] *["']\s*;/g, "")
    .trim();
  return rest === "" ? [] : [`${file.path} does more than re-export: ${rest.split("\n")[0]}`];
}
