import { existsSync, readFileSync } from "node:fs";

/** A package that the user has installed in this folder, and the project has not. */
export async function loadPackage<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

/** Undefined: it is not installed. */
export function packageVersion(name: string): string | undefined {
  const manifest = new URL(`node_modules/${name}/package.json`, import.meta.url);
  if (!existsSync(manifest)) return undefined;
  return (JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string }).version;
}
