import type { Command } from "./command.ts";
import type { Script } from "./simulate.ts";

/**
 * A script that fails as well and has less in it: commands are left out, many at once first, then what they have lists of.
 * Gives the smallest one after `limit` ms at the latest.
 */
export async function makeSmaller(
  script: Script,
  fails: (script: Script) => Promise<boolean>,
  limit: number,
): Promise<Script> {
  const end = performance.now() + limit;
  const isOver = (): boolean => performance.now() > end;
  let smallest = script;
  /** Leaves out as many as can be of a list, at most `most` at once. */
  const without = async <T>(list: () => readonly T[], put: (left: readonly T[]) => Script, most: number) => {
    for (let size = most; size >= 1; size = size >> 1)
      for (let at = list().length - size; at >= 0 && !isOver(); at -= size) {
        const tried = put(list().toSpliced(at, size));
        if (await fails(tried)) smallest = tried;
      }
  };
  for (let before = Number.POSITIVE_INFINITY; smallest.commands.length < before && !isOver(); ) {
    before = smallest.commands.length;
    const put = (commands: readonly Command[]): Script => ({ ...smallest, commands });
    await without(() => smallest.commands, put, Math.max(1, before >> 1));
  }
  for (const at of smallest.commands.keys()) {
    const keysOf = (): readonly number[] => (smallest.commands[at] as { keys?: readonly number[] }).keys ?? [];
    const put = (keys: readonly number[]): Script => ({
      ...smallest,
      commands: smallest.commands.with(at, { ...smallest.commands[at]!, keys } as Command),
    });
    if (keysOf().length > 1) await without(keysOf, put, keysOf().length >> 1);
  }
  return smallest;
}
