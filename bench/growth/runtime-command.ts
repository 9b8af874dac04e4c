import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { UsageError } from "../usage-error.ts";

export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));
/** Where Node finds the programs without their types: inside of the package, so that `ottla` is its build. */
const PROGRAMS = ".ottla/bench";
const SCRIPT = "bench/growth/program.ts";

/** A runtime, and how it runs a program. */
export interface RuntimeCommand {
  /** With its version. */
  readonly name: string;
  readonly file: string;
  /** What comes before the program's name. */
  readonly args: readonly string[];
}

export function nodeCommand(file: string, version: string): RuntimeCommand {
  return { name: `Node ${version}`, file, args: ["--expose-gc", `${PROGRAMS}/program.js`] };
}

function denoCommand(file: string, version: string): RuntimeCommand {
  const args = ["run", "-A", "--no-check", "--quiet", "--config", "deno.json", "--v8-flags=--expose-gc", SCRIPT];
  return { name: `Deno ${version}`, file, args };
}

function bunCommand(file: string, version: string): RuntimeCommand {
  return { name: `Bun ${version}`, file, args: ["--expose-gc", SCRIPT] };
}

/** The runtime that runs this. */
export function ownCommand(): RuntimeCommand {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return bunCommand(process.execPath, bun);
  return deno === undefined ? nodeCommand(process.execPath, node!) : denoCommand(process.execPath, deno);
}

/** Node's sources, unbuilt: what is told of them is a difference, so that how they are loaded does not matter. */
export function sourceCommand(): RuntimeCommand {
  const args = ["--conditions=ottla-source", "--expose-gc", SCRIPT];
  return { name: `Node ${process.versions.node}, sources`, file: "node", args };
}

/** Of each of Node's supported majors that the PATH has, the first; then Deno and Bun, where they are there. */
export function findRuntimes(): { readonly found: RuntimeCommand[]; readonly missing: string[] } {
  const nodes = nodesOnPath();
  const of = (major: number): RuntimeCommand[] =>
    nodes.filter(({ version }) => Number(version.split(".")[0]) === major).map((n) => nodeCommand(n.file, n.version));
  const wanted: readonly (readonly [string, readonly RuntimeCommand[]])[] = [
    ["Node 20.19 or later of 20", of(20)],
    ["Node 24", of(24)],
    ["Deno", [...tool("deno", denoCommand)]],
    ["Bun", [...tool("bun", bunCommand)]],
  ];
  return {
    found: wanted.flatMap(([, commands]) => commands.slice(0, 1)),
    missing: wanted.filter(([, commands]) => commands.length === 0).map(([name]) => name),
  };
}

/** Every Node on the PATH that the package promises to run on, each version once. */
export function nodesOnPath(): { readonly file: string; readonly version: string }[] {
  const found = new Map<string, string>();
  for (const file of onPath("node")) {
    const version = versionOf(file);
    const [major, minor] = (version ?? "0.0").split(".").map(Number) as [number, number];
    if (version === undefined || major < 20 || (major === 20 && minor < 19)) continue;
    if (!found.has(version)) found.set(version, file);
  }
  return [...found].map(([version, file]) => ({ version, file }));
}

function* tool(name: string, command: typeof denoCommand): Generator<RuntimeCommand> {
  for (const file of onPath(name)) {
    const version = versionOf(file);
    if (version !== undefined) yield command(file, version);
  }
}

function onPath(name: string): string[] {
  const folders = [join(ROOT, "node_modules", ".bin"), ...(process.env.PATH ?? "").split(delimiter)];
  return folders.map((folder) => join(folder, name)).filter(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Undefined: it does not run. */
function versionOf(file: string): string | undefined {
  try {
    const said = execFileSync(file, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return /\d+\.\d+\.\d+/.exec(said)?.[0];
  } catch {
    return undefined;
  }
}

/** Takes the types out of the programs, for Node: 20 cannot, and what does it at each start would be measured, too. */
export function buildPrograms(): void {
  checkBuild();
  const args = [SCRIPT, "--format", "esm", "--target", "node20", "--out-dir", PROGRAMS, "--no-config", "--silent"];
  const tsup = realpathSync(join(ROOT, "node_modules", ".bin", "tsup"));
  execFileSync("node", [tsup, ...args, "--clean", "--external", "ottla"], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** What is measured is the package as it is installed, and not one of yesterday. */
export function checkBuild(): void {
  const built = join(ROOT, "dist", "mod.js");
  if (!existsSync(built)) throw new UsageError("there is no build to measure: npm run build");
  const age = statSync(built).mtimeMs;
  const newer = ["mod.ts", "protocol", "src"].flatMap(filesUnder).find((file) => statSync(file).mtimeMs > age);
  if (newer !== undefined) throw new UsageError(`the build is older than ${newer.slice(ROOT.length)}: npm run build`);
}

function filesUnder(place: string): string[] {
  const path = join(ROOT, place);
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .map((name) => join(path, name))
    .filter((file) => file.endsWith(".ts"));
}
