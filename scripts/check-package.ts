// Packs the package, installs it in an empty project, and uses it there as its users do: every entry point and the
// command on each runtime, the declarations with the newest and the oldest TypeScript that we promise.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodesOnPath } from "../bench/growth/runtime-command.ts";

const OLDEST_TYPESCRIPT = "5.7";
/** What may be in the package, beside the build. */
const PACKED = /^(dist\/.*\.(js|d\.ts)|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;

const root = fileURLToPath(new URL("../", import.meta.url));
const bin = (name: string): string => join(root, "node_modules", ".bin", name);
const exported: object = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).exports;
const entries = Object.keys(exported)
  .filter((key) => key !== "./package.json")
  .map((key) => `ottla${key.slice(1)}`);

const project = mkdtempSync(join(tmpdir(), "ottla-package-"));
let failures = 0;
try {
  install();
  check("the package holds the build alone", checkFiles);
  writeFileSync(join(project, "entries.mjs"), entriesScript());
  for (const [name, ...command] of runtimes()) {
    check(`${name}: entry points`, () => run(command, ["entries.mjs"]));
    check(`${name}: ottla --help`, () => checkHelp(command));
  }
  checkTypes();
} finally {
  rmSync(project, { recursive: true, force: true });
}
if (failures > 0) {
  console.error(`${failures} checks of the package failed`);
  process.exitCode = 1;
}

function install(): void {
  execFileSync("npm", ["pack", "--silent", "--pack-destination", project], { cwd: root, stdio: "inherit" });
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const tarball = readdirSync(project).find((name) => name.endsWith(".tgz"))!;
  run(["npm"], ["install", "--no-audit", "--no-fund", `./${tarball}`]);
}

function checkFiles(): string {
  const folder = join(project, "node_modules", "ottla");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  for (const file of files) {
    if (!PACKED.test(file)) throw new Error(`${file} should not be in the package`);
    const text = readFileSync(join(folder, file), "utf8");
    if (text.includes(root) || text.includes("sourceMappingURL")) throw new Error(`${file} points outside the package`);
  }
  return `${files.length} files`;
}

/** Imports every entry point. A name that two of them export has to be one value: the build must share its modules. */
function entriesScript(): string {
  return `
const seen = new Map();
let errors = 0;
for (const name of ${JSON.stringify(entries)}) {
  for (const [key, value] of Object.entries(await import(name))) {
    if (seen.has(key) && seen.get(key) !== value) throw new Error(name + " has its own copy of " + key);
    if (seen.has(key) && value.prototype instanceof Error) errors++;
    seen.set(key, value);
  }
}
if (errors === 0) throw new Error("no error class comes from two entry points: nothing was compared");
console.log(seen.size + " exports, " + errors + " times the same error class from another entry point");
`;
}

function checkHelp(runtime: readonly string[]): string {
  const help = run(runtime, [join("node_modules", ".bin", "ottla"), "--help"]);
  if (!help.includes("ottla")) throw new Error(`it printed ${JSON.stringify(help)}`);
  return help.split("\n")[0]!;
}

/** Every Node on the PATH that the package promises to run on, then Deno and Bun: name, then command. */
function runtimes(): string[][] {
  return [
    ...nodesOnPath().map(({ version, file }) => [`Node ${version}`, file]),
    ["Deno", bin("deno"), "run", "-A"],
    ["Bun", bin("bun")],
  ];
}

/** Without @types/node: the declarations need only the libraries that the README names. */
function checkTypes(): void {
  const lines = entries.map(
    (name, i) => `import * as e${i} from "${name}";\nexport const a${i}: Known<typeof e${i}> = true;`,
  );
  const known = "type Known<T> = 0 extends 1 & T ? never : true;";
  writeFileSync(join(project, "types.ts"), [known, ...lines].join("\n"));
  check("Deno: types", () => run([bin("deno")], ["check", "types.ts"]));
  check(`TypeScript ${OLDEST_TYPESCRIPT} installs`, () =>
    run(["npm"], ["install", "--no-audit", "--no-fund", `typescript@~${OLDEST_TYPESCRIPT}.0`]),
  );
  for (const tsc of [bin("tsc"), join(project, "node_modules", ".bin", "tsc")]) {
    for (const [module, moduleResolution] of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ]) {
      const lib = ["es2024", "esnext.disposable", "dom"];
      const compilerOptions = {
        target: "es2023",
        lib,
        types: [],
        module,
        moduleResolution,
        strict: true,
        noEmit: true,
      };
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["types.ts"] }));
      check(`tsc, ${moduleResolution}`, () => run([tsc], ["--version"]) + run([tsc], ["-p", "."]));
    }
  }
}

function check(what: string, body: () => string): void {
  try {
    console.log(`✔ ${what}: ${body() || "ok"}`);
  } catch (error) {
    failures++;
    // The message of a failed command ends with its stderr.
    const { stdout = "", message } = error as Error & { stdout?: string };
    console.error(`✖ ${what}: ${message}\n${stdout}`.trimEnd());
  }
}

function run(command: readonly string[], args: readonly string[]): string {
  const [file, ...first] = command;
  return execFileSync(file!, [...first, ...args], {
    cwd: project,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 120_000,
  }).trim();
}
