/** Looks every so often (ms) whether something is so; rejects after `ms` milliseconds. */
export async function until(
  what: () => string,
  ms: number,
  isSo: () => boolean | Promise<boolean>,
  every = 200,
): Promise<void> {
  const end = performance.now() + ms;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}
