import process from "node:process";

/**
 * Runs an example until it ends, or until Ctrl-C, undoes what `cleanup` holds, and ends the process: with 0 where the
 * example says that all is well. `hint` is told after an error.
 */
export async function runExample(
  example: () => Promise<boolean>,
  cleanup: AsyncDisposableStack,
  hint?: string,
): Promise<never> {
  const complain = (error: unknown): void => {
    console.error(`\n${error instanceof Error ? error.message : error}`);
    if (hint !== undefined) console.error(hint);
    process.exitCode = 1;
  };
  try {
    const isWell = await Promise.race([example(), interruption()]);
    process.exitCode = isWell ? 0 : 1;
  } catch (error) {
    complain(error);
  }
  await cleanup.disposeAsync().catch(complain);
  process.exit();
}

/** Rejects at Ctrl-C. A second one does not wait for the cleanup; workers end by themselves when this process is gone. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.once(signal, () => reject(new Error(`interrupted by ${signal}`)));
  });
}
