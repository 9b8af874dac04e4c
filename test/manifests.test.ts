import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { VERSION } from "../src/net/version.ts";

const ROOT = new URL("../", import.meta.url);
const json = (path: string) => JSON.parse(readFileSync(new URL(path, ROOT), "utf8"));
const npm = json("package.json");
const deno = json("deno.json");

interface ExportTarget {
  readonly "ottla-source": string;
  readonly types: string;
  readonly default: string;
}
/** The entry points of package.json, by their key: `.`, `./kafka`, … */
const entries = Object.entries<ExportTarget>(npm.exports).filter(([key]) => key !== "./package.json");
const sourceByKey = Object.fromEntries(entries.map(([key, target]) => [key, target["ottla-source"]]));
/** The same by what a user imports: `ottla`, `ottla/kafka`, … */
const sourceByName = Object.fromEntries(
  entries.map(([key, target]) => [`ottla${key.slice(1)}`, target["ottla-source"]]),
);

describe("the manifests", () => {
  test("package.json, deno.json and the code agree on the version and the licence", () => {
    assert.equal(deno.version, npm.version);
    assert.equal(VERSION, npm.version);
    assert.equal(deno.license, npm.license);
  });

  test("package.json and deno.json agree on the entry points", () => {
    assert.deepEqual(deno.exports, sourceByKey);
    assert.ok(entries.length > 0);
  });

  test("deno.json and tsconfig.json resolve the package's name to the same sources", () => {
    const { paths } = json("tsconfig.json").compilerOptions;
    assert.deepEqual(deno.imports, sourceByName);
    assert.deepEqual(paths, Object.fromEntries(Object.entries(sourceByName).map(([name, source]) => [name, [source]])));
  });

  test("entry points exist, and their build mirrors the sources", () => {
    for (const [key, target] of entries) {
      assert.ok(existsSync(new URL(target["ottla-source"], ROOT)), `${key}: ${target["ottla-source"]} is missing`);
      const built = target["ottla-source"].replace(/^\.\//, "./dist/").replace(/\.ts$/, "");
      assert.deepEqual(target, {
        "ottla-source": target["ottla-source"],
        types: `${built}.d.ts`,
        default: `${built}.js`,
      });
    }
  });

  test("the source condition comes first, before a build that may be there", () => {
    for (const [, target] of entries) assert.deepEqual(Object.keys(target), ["ottla-source", "types", "default"]);
  });

  test("tsconfig.build.json declares the same entry points", () => {
    const files = json("tsconfig.build.json").files.map((file: string) => `./${file}`);
    assert.deepEqual(new Set(files), new Set(Object.values(sourceByKey)));
  });

  test("the command's source exists", () => {
    const source = npm.bin.ottla.replace(/^dist\//, "").replace(/\.js$/, ".ts");
    assert.ok(existsSync(new URL(source, ROOT)), `${source} is missing`);
  });

  test("the package has no dependencies", () => {
    for (const kind of ["dependencies", "peerDependencies", "optionalDependencies", "bundleDependencies"]) {
      assert.equal(npm[kind], undefined, kind);
    }
  });

  test("the lock file names no registry", () => {
    const packages = Object.entries<{ resolved?: string }>(json("package-lock.json").packages);
    assert.deepEqual(
      packages.filter(([, { resolved }]) => resolved !== undefined).map(([name]) => name),
      [],
    );
  });
});
