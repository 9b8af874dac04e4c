import { readdirSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { nearest } from "../jobs/suggestion.ts";
import { ModuleError } from "./cli-error.ts";
import { explainLoadError } from "./load-error.ts";

export type ModuleExports = Readonly<Record<string, unknown>>;

/** Where a module's file is. Throws a {@link ModuleError} where there is none. */
export function moduleFile(module: string, cwd: string): string {
  const path = resolve(cwd, module);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile()) return path;
  if (stat !== undefined) throw new ModuleError(`${module} is a folder: name the file in it that exports the app`);
  const meant = nearest(basename(path), namesIn(dirname(path)));
  const hint = meant === undefined ? "" : `; did you mean ${resolve(dirname(path), meant)}?`;
  throw new ModuleError(`there is no file ${module} (${path})${hint}`);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Imports the file of a module. What it throws becomes a {@link ModuleError} that says where. */
export async function importModule(module: string, path: string): Promise<ModuleExports> {
  try {
    return (await import(pathToFileURL(path).href)) as ModuleExports;
  } catch (error) {
    throw new ModuleError(`${module} cannot be loaded: ${explainLoadError(error, path)}`, { cause: error });
  }
}
