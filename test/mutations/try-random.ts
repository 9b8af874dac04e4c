import { globSync } from "node:fs";
import { basename } from "node:path";
import { chanceOf } from "../../src/testing/chance.ts";
import { type ProjectCopy, ROOT } from "./project-copy.ts";
import { mutationsOf, type RandomMutation } from "./random-mutations.ts";

/** Where what S8 guarantees is made. */
const LAYERS = ["src/jobs", "src/client"];
/** Seeds that a change may hide from. */
const SEEDS = 120;

/** Makes so many changes of one line by chance, one at a time, and says of each whether any test fails. */
export async function tryRandom(copy: ProjectCopy, count: number, seed: number): Promise<void> {
  const all: RandomMutation[] = [];
  for (const layer of LAYERS)
    for (const file of globSync(`${layer}/*.ts`, { cwd: ROOT }).sort())
      all.push(...mutationsOf(file, await copy.read(file)));
  const random = chanceOf(seed);
  let caught = 0;
  for (let i = 0; i < count; i++) {
    const mutation = all[Math.floor(random() * all.length)]!;
    const by = await catchIt(copy, mutation);
    if (by !== undefined) caught++;
    console.log(
      `${by === undefined ? "✗" : "✓"} ${caught}/${i + 1} ${mutation.file}:${mutation.line} ${by ?? "not caught"}`,
    );
    if (by === undefined) console.log(`  - ${mutation.before.trim()}\n  + ${mutation.after.trim()}`);
  }
}

/** What fails with the change, the cheapest first; undefined: nothing does. */
async function catchIt(copy: ProjectCopy, { file, text }: RandomMutation): Promise<string | undefined> {
  const restore = await copy.plant(file, text);
  try {
    const layer = file.split("/")[1]!;
    const own = `test/${layer}/${basename(file, ".ts")}`;
    if (globSync(`${own}*.test.ts`, { cwd: ROOT }).length > 0 && !(await copy.passes(own))) return own;
    const found = await copy.simulate(SEEDS);
    if (found !== undefined) return found;
    for (const suite of [layer, layer === "jobs" ? "client" : "jobs", "testing", "conformance"])
      if (!(await copy.passes(`test/${suite}/`))) return suite;
    return undefined;
  } finally {
    await restore();
  }
}
