import process from "node:process";

/** What the user has to change: told without a stack. */
export class UsageError extends Error {}

/** Runs a program, and ends its process with 2 where the user has to change something, else with 1 where it fails. */
export async function endWith(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    // It was told to stop, and has: what came of that is no news.
    if (process.exitCode === 130) return;
    console.error(error instanceof UsageError ? error.message : error);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
