import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runProgram } from "../support/run-program.ts";

/**
 * Ends what a run that was killed has left in a folder: frozen workers, whom nobody tells anything, and brokers. Others
 * are told apart by their command lines, for their ids may be theirs by now.
 */
export async function endLeftOver(folder: string, script: string): Promise<void> {
  const path = join(folder, "workers");
  for (const name of existsSync(path) ? readdirSync(path) : []) {
    const pid = Number(/^(\d+)\.pid$/.exec(name)?.[1]);
    if (Number.isInteger(pid) && (await commandOf(pid)).includes(readFileSync(join(path, name), "utf8"))) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has just ended.
      }
    }
  }
  rmSync(path, { recursive: true, force: true });
  const cluster = join(folder, "cluster");
  if (existsSync(cluster)) await runProgram("bash", [script, "stop", "--dir", cluster]);
}

async function commandOf(pid: number): Promise<string> {
  const { output } = await runProgram("ps", ["-ww", "-o", "command=", "-p", String(pid)]);
  return output;
}
