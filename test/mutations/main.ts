import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { numberOption } from "../support/number-option.ts";
import type { Mutation } from "./mutation.ts";
import { MUTATIONS } from "./mutations.ts";
import { ProjectCopy, ROOT } from "./project-copy.ts";
import { tryRandom } from "./try-random.ts";

const USAGE = `Plants bugs in a copy of the project, one at a time, and sees to it that a test catches each.

npm run mutate                                   all that are known, and writes the table of docs/mutations.md
npm run mutate -- TEXT                           those whose description has the text in it
npm run mutate -- --random N [--seed S]          N changes of one line by chance; tells those that nothing catches
`;
/** Seeds that a bug may hide from. */
const SEEDS = 400;

const { values, positionals } = parseArgs({
  options: { random: { type: "string" }, seed: { type: "string" }, help: { type: "boolean" } },
  allowPositionals: true,
});

async function plantKnown(copy: ProjectCopy, text: string | undefined): Promise<boolean> {
  const rows: string[][] = [["The product …", "So this does not hold", "Caught by"]];
  let isGood = true;
  for (const mutation of MUTATIONS.filter(({ bug }) => text === undefined || bug.includes(text))) {
    const caught = await hunt(copy, mutation);
    console.log(`${caught === undefined ? "✗ NOT CAUGHT" : "✓"} ${mutation.bug}: ${caught ?? ""}`);
    isGood &&= caught !== undefined;
    rows.push([mutation.bug, mutation.breaks.join(", "), caught ?? "nothing"]);
  }
  if (text === undefined) await writeTable(rows);
  return isGood;
}

/** How the bug is caught; undefined: it is not. */
async function hunt(copy: ProjectCopy, { file, find, put, caughtBy }: Mutation): Promise<string | undefined> {
  const text = await copy.read(file);
  if (text.split(find).length !== 2) throw new Error(`${file} does not have this once: ${find}`);
  const mutated = text.replace(find, () => put);
  const restore = await copy.plant(file, mutated);
  try {
    if (caughtBy === undefined) return await copy.simulate(SEEDS);
    return (await copy.passes(`test/${caughtBy}`)) ? undefined : `\`${caughtBy}\``;
  } finally {
    await restore();
  }
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

async function main(): Promise<boolean> {
  if (values.help) {
    console.log(USAGE);
    return true;
  }
  const copy = await ProjectCopy.make();
  try {
    if (values.random === undefined) return await plantKnown(copy, positionals[0]);
    const count = numberOption("random", values.random, 0, { isWhole: true });
    const seed = numberOption("seed", values.seed, Math.floor(Math.random() * 2 ** 31), { isWhole: true });
    await tryRandom(copy, count, seed);
    return true;
  } finally {
    await copy.remove();
  }
}

process.exitCode = (await main()) ? 0 : 1;
