import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runProgram } from "../support/run-program.ts";
import { MUTATIONS, type Mutation } from "./mutations.ts";

/*
 * Plants each bug in a copy of the project, and sees to it that a test catches it. Writes the table of
 * docs/mutations.md. `npm run mutate` does all, `npm run mutate -- TEXT` those whose bug has the text in it.
 */

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COPIED = ["src", "protocol", "test", "mod.ts", "package.json", "deno.json", "tsconfig.json"];
/** Seeds that a bug may hide from. */
const SEEDS = 400;
/** A bug may also have the product hang: in ms. */
const TIMEOUT = 600_000;

function run(folder: string, args: readonly string[]): ReturnType<typeof runProgram> {
  return runProgram(process.execPath, ["--conditions=ottla-source", ...args], { cwd: folder, timeout: TIMEOUT });
}

/** How the bug is caught; undefined: it is not. */
async function hunt(folder: string, { caughtBy }: Mutation): Promise<string | undefined> {
  if (caughtBy !== undefined) {
    const { code } = await run(folder, ["--test", `test/${caughtBy}`]);
    return code === 0 ? undefined : `\`${caughtBy}\``;
  }
  const args = ["test/simulation/main.ts", "--from", "1", "--seeds", String(SEEDS), "--no-shrink"];
  const { code, output } = await run(folder, args);
  if (code === 0) return undefined;
  const seed = /✗ seed (\d+)/.exec(output)?.[1];
  if (seed === undefined) return code === null ? "the simulation, which hangs" : "the simulation, which dies";
  const sentence = /\bS\d\.\d+\b/.exec(output.slice(output.indexOf("✗ seed")))?.[0];
  return `seed ${seed}${sentence === undefined ? ": not at rest" : `: ${sentence}`}`;
}

async function plant(folder: string, { file, find, put }: Mutation): Promise<() => Promise<void>> {
  const path = join(folder, file);
  const text = await readFile(path, "utf8");
  if (text.split(find).length !== 2) throw new Error(`${file} does not have this once: ${find}`);
  await writeFile(
    path,
    text.replace(find, () => put),
  );
  return () => writeFile(path, text);
}

async function main(): Promise<boolean> {
  const wanted = process.argv[2];
  const chosen = MUTATIONS.filter(({ bug }) => wanted === undefined || bug.includes(wanted));
  const folder = await mkdtemp(join(tmpdir(), "ottla-mutations-"));
  const rows: string[][] = [["The product …", "So this does not hold", "Caught by"]];
  let isGood = true;
  try {
    for (const name of COPIED) await cp(join(ROOT, name), join(folder, name), { recursive: true });
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"), "junction");
    for (const mutation of chosen) {
      const restore = await plant(folder, mutation);
      const caught = await hunt(folder, mutation);
      await restore();
      console.log(`${caught === undefined ? "✗ NOT CAUGHT" : "✓"} ${mutation.bug}: ${caught ?? ""}`);
      isGood &&= caught !== undefined;
      rows.push([mutation.bug, mutation.breaks.join(", "), caught ?? "nothing"]);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (wanted === undefined) await writeTable(rows);
  return isGood;
}

async function writeTable(rows: readonly (readonly string[])[]): Promise<void> {
  const path = join(ROOT, "docs/mutations.md");
  const text = await readFile(path, "utf8");
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const [head, ...body] = rows;
  const rule = widths.map((width) => "-".repeat(width));
  await writeFile(
    path,
    `${text.slice(0, text.indexOf("| The product"))}${[head!, rule, ...body].map(line).join("\n")}\n`,
  );
}

process.exitCode = (await main()) ? 0 : 1;
