import { type App, isApp, stateOf } from "../jobs/app.ts";
import type { AppState } from "../jobs/app-state.ts";
import { nearest } from "../jobs/suggestion.ts";
import { ModuleError, UsageError } from "./cli-error.ts";
import { importModule, type ModuleExports, moduleFile } from "./import-module.ts";
import type { CliIo } from "./io.ts";
import { enableTypeScript } from "./typescript.ts";

/** The app that a command works with. */
export interface LoadedApp {
  readonly app: App;
  readonly state: AppState;
  /** The export that it was found as. */
  readonly name: string;
  /** The modules as the command line names them. */
  readonly modules: readonly string[];
}

/**
 * Imports the modules and finds the app among their exports: the one that is called `wanted` where that is given, else
 * the only one. Throws an error that says what to do where there is none, or several.
 */
export async function loadApp(
  modules: readonly string[],
  wanted: string | undefined,
  io: Pick<CliIo, "cwd">,
): Promise<LoadedApp> {
  if (modules.length === 0) throw new UsageError("no MODULE is named: the file that exports the app, as worker.ts");
  const files = modules.map((module) => moduleFile(module, io.cwd));
  await enableTypeScript(files, io.cwd);
  const found = new Map<string, unknown>();
  for (const [i, module] of modules.entries()) {
    for (const [name, value] of candidates(await importModule(module, files[i]!))) {
      if (!found.has(name) || isApp(value)) found.set(name, value);
    }
  }
  const [name, app] = choose(found, wanted, modules.join(", "));
  return { app, state: stateOf(app), name, modules };
}

/** A CommonJS module's exports are fields of its default export. */
function candidates(exports: ModuleExports): [string, unknown][] {
  const { default: main } = exports;
  const fields = typeof main === "object" && main !== null && !isApp(main) ? Object.entries(main) : [];
  return [...fields, ...Object.entries(exports)];
}

function choose(found: ReadonlyMap<string, unknown>, wanted: string | undefined, where: string): [string, App] {
  const apps = [...found].filter((entry): entry is [string, App] => isApp(entry[1]));
  if (apps.length === 0) throw noApp(found, where);
  const names = apps.map(([name]) => name).sort();
  if (wanted !== undefined) {
    const chosen = apps.find(([name]) => name === wanted);
    if (chosen !== undefined) return chosen;
    const meant = nearest(wanted, names);
    const hint = meant === undefined ? `there are ${names.join(", ")}` : `did you mean "${meant}"?`;
    throw new UsageError(`${where} exports no app "${wanted}"; ${hint}`);
  }
  const [first] = apps;
  if (new Set(apps.map(([, app]) => app)).size === 1) return first!;
  throw new UsageError(`${where} exports several apps (${names.join(", ")}): choose one with --app NAME`);
}

function noApp(found: ReadonlyMap<string, unknown>, where: string): ModuleError {
  const foreign = [...found].find(([, value]) => looksLikeApp(value));
  if (foreign === undefined) {
    return new ModuleError(`${where} exports no app: add \`export { app } from "./app.ts";\`, what createApp returned`);
  }
  return new ModuleError(
    `"${foreign[0]}" of ${where} is an app of another copy of ottla: run the command that is installed beside that ` +
      'module (npx ottla), and have "type": "module" in its package.json, so that it is not loaded twice',
  );
}

function looksLikeApp(value: unknown): boolean {
  const methods = value as Record<string, unknown> | null | undefined;
  return ["job", "performAllLater", "work"].every((name) => typeof methods?.[name] === "function");
}
