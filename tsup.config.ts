import { readFileSync } from "node:fs";
import type { Options } from "tsup";

const manifest = JSON.parse(readFileSync("package.json", "utf8"));

/** The entry points are those of package.json's exports, plus what its `bin` names. */
function entryPoints(): Record<string, string> {
  const targets = Object.values<string | { readonly default: string; readonly "ottla-source": string }>(
    manifest.exports,
  ).filter((target) => typeof target !== "string");
  const bin = Object.values<string>(manifest.bin).map((path) => path.replace(/^dist\//, "").replace(/\.js$/, ""));
  return Object.fromEntries([
    ...targets.map((target) => [target.default.slice("./dist/".length, -".js".length), target["ottla-source"]]),
    ...bin.map((name) => [name, `${name}.ts`]),
  ]);
}

const config: Options = {
  entry: entryPoints(),
  format: "esm",
  target: "node20",
  // Shared chunks: an error class has one identity, whichever entry point it is imported from.
  splitting: true,
  clean: true,
  dts: false,
  sourcemap: false,
  // Deno and edge runtimes know the built-in modules by this prefix only.
  removeNodeProtocol: false,
};

export default config;
