import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runProgram } from "../support/run-program.ts";

export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));
const COPIED = ["src", "protocol", "test", "mod.ts", "package.json", "deno.json", "tsconfig.json"];
/** A bug may also have the product hang: in ms. */
const TIMEOUT = 600_000;

/** A copy of the project, in which bugs can be planted. */
export class ProjectCopy {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<ProjectCopy> {
    const folder = await mkdtemp(join(tmpdir(), "ottla-mutations-"));
    for (const name of COPIED) await cp(join(ROOT, name), join(folder, name), { recursive: true });
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"), "junction");
    return new ProjectCopy(folder);
  }

  read(file: string): Promise<string> {
    return readFile(join(this.#folder, file), "utf8");
  }

  /** Puts another text in the place of a file. Call what comes back to have the file as it was. */
  async plant(file: string, text: string): Promise<() => Promise<void>> {
    const before = await this.read(file);
    await writeFile(join(this.#folder, file), text);
    return () => writeFile(join(this.#folder, file), before);
  }

  /** Runs this runtime there. The code is null where it hung. */
  run(args: readonly string[]): ReturnType<typeof runProgram> {
    const options = { cwd: this.#folder, timeout: TIMEOUT };
    return runProgram(process.execPath, ["--conditions=ottla-source", ...args], options);
  }

  /** Whether the tests pass whose files' paths begin so. */
  async passes(...places: readonly string[]): Promise<boolean> {
    const { code } = await this.run(["test/main.ts", ...places]);
    return code === 0;
  }

  /** What the simulation finds within so many seeds; undefined: nothing. */
  async simulate(seeds: number): Promise<string | undefined> {
    const args = ["test/simulation/main.ts", "--from", "1", "--seeds", String(seeds), "--no-shrink"];
    const { code, output } = await this.run(args);
    if (code === 0) return undefined;
    const seed = /✗ seed (\d+)/.exec(output)?.[1];
    if (seed === undefined) return code === null ? "the simulation, which hangs" : "the simulation, which dies";
    const sentence = /\bS\d\.\d+\b/.exec(output.slice(output.indexOf("✗ seed")))?.[0];
    return `seed ${seed}${sentence === undefined ? ": not at rest" : `: ${sentence}`}`;
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
