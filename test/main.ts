import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, sep } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { argumentsFor, RUNTIME } from "./support/runtime-arguments.ts";

/*
 * Runs the tests in a few processes beside each other. In a process of its own, as the runners would have it, most files
 * take longer to load the library than for their tests.
 *
 * node test/main.ts [PATH…] [--OPTION=VALUE…]     those whose path begins so; options are the runner's
 */
const ROOT = fileURLToPath(new URL("../", import.meta.url));
/** More than there are cores: some tests wait for other processes. */
const PARTS = Math.min(16, Math.max(6, 2 * availableParallelism()));

const RUNNERS: Readonly<Record<typeof RUNTIME, readonly string[]>> = {
  node: [
    ...argumentsFor("node"),
    `--import=${new URL("support/test-process.ts", import.meta.url)}`,
    ...["--test", `--test-concurrency=${PARTS}`],
  ],
  deno: ["test", "-A", "--no-check", "--parallel", "--config", join(ROOT, "deno.json")],
  bun: ["test", `--parallel=${PARTS}`, "--timeout=120000"],
};

/** The test files whose paths begin so. */
function filesAt(places: readonly string[]): string[] {
  const all = readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" });
  const paths = all.map((path) => `test/${path.replaceAll(sep, "/")}`).filter((path) => path.endsWith(".test.ts"));
  return paths.filter((path) => places.some((place) => path.startsWith(place))).sort();
}

/** Deals the files out, so that neighbours, which often take equally long, are in different parts. */
function writeParts(folder: string, files: readonly string[]): string[] {
  return Array.from({ length: Math.min(PARTS, files.length) }, (_, part) => {
    const own = files.filter((_, i) => i % PARTS === part);
    const path = join(folder, `part-${part + 1}.test.mjs`);
    writeFileSync(path, own.map((file) => `await import("${pathToFileURL(join(ROOT, file))}");\n`).join(""));
    return path;
  });
}

const args = process.argv.slice(2);
const options = args.filter((arg) => arg.startsWith("-"));
const places = args.filter((arg) => !options.includes(arg));
const files = filesAt(places.length > 0 ? places : ["test/"]);
if (files.length === 0) throw new Error(`no test file's path begins with ${places.join(" or ")}`);
const folder = mkdtempSync(join(tmpdir(), "ottla-tests-"));
const { NODE_COMPILE_CACHE = join(ROOT, "node_modules/.cache/compiled"), NODE_OPTIONS = "" } = process.env;
const child = spawn(process.execPath, [...RUNNERS[RUNTIME], ...options, ...writeParts(folder, files)], {
  cwd: ROOT,
  env: {
    ...process.env,
    // Otherwise each process, those that tests start too, strips the types from the sources and compiles them anew.
    NODE_COMPILE_CACHE,
    // Tests make more garbage than V8 has room for at first, a sixth of their time.
    NODE_OPTIONS: `${NODE_OPTIONS} --max-semi-space-size=64`,
    DENO_JOBS: `${PARTS}`,
  },
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void child.kill(signal));
child.on("close", (code) => {
  rmSync(folder, { recursive: true });
  process.exitCode = code ?? 1;
});
