import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { ModuleError } from "./cli-error.ts";

const TYPESCRIPT = /\.[mc]?tsx?$/;

/** What matters here of the process. */
export interface TypeScriptRuntime {
  readonly versions: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly features: { readonly typescript?: unknown };
}

/**
 * Sees to it that TypeScript among `files` can be imported. Deno, Bun and Node since 22.18 can; an older Node gets the
 * tsx that is installed beside the files or in `cwd`, and where there is none, a {@link ModuleError} says what to do.
 */
export async function enableTypeScript(
  files: readonly string[],
  cwd: string,
  runtime: TypeScriptRuntime = process,
): Promise<void> {
  const file = files.find((path) => TYPESCRIPT.test(path));
  if (file === undefined || importsTypeScript(runtime)) return;
  const tsx = resolveFrom([dirname(file), cwd], "tsx");
  if (tsx === undefined) {
    throw new ModuleError(
      `Node ${runtime.versions.node} does not run TypeScript (${file}): install tsx in the project ` +
        "(npm install --save-dev tsx), or use Node 22.18 or later, Deno, Bun, or compiled JavaScript",
    );
  }
  // In this process rather than in one of its own, so that a signal, of any kind, reaches the worker itself.
  await import(pathToFileURL(tsx).href);
}

function importsTypeScript({ versions, execArgv, env, features }: TypeScriptRuntime): boolean {
  if (versions.bun !== undefined || versions.deno !== undefined || features.typescript) return true;
  // Whoever gave Node a loader of their own wants that one.
  const flags = [...execArgv, ...(env.NODE_OPTIONS ?? "").split(/\s+/)];
  return flags.some((flag) => /^(--import|--loader|--experimental-loader|--require|-r)(=|$)/.test(flag));
}

function resolveFrom(folders: readonly string[], name: string): string | undefined {
  for (const folder of folders) {
    try {
      return createRequire(join(folder, "package.json")).resolve(name);
    } catch {
      // The next folder may have it.
    }
  }
  return undefined;
}
