import { openApp } from "./app-options.ts";
import type { Arguments } from "./arguments.ts";
import { UsageError } from "./cli-error.ts";
import { EXIT } from "./exit-codes.ts";
import type { CliIo } from "./io.ts";
import type { LoadedApp } from "./load-app.ts";
import { durationOption } from "./option-values.ts";
import { reachBrokers } from "./reach-brokers.ts";

/** How long (ms) a broker is looked for, unless `--timeout` says otherwise. */
const DEFAULT_TIMEOUT = 10_000;

/** The word that says what a command with several actions is to do, and what follows it. */
export function actionOf<A extends string>(
  { positionals: [word, ...rest] }: Arguments,
  actions: readonly A[],
): { readonly action: A; readonly rest: readonly string[] } {
  const action = actions.find((each) => each === word);
  if (action !== undefined) return { action, rest };
  const names = `${actions.slice(0, -1).join(", ")} or ${actions.at(-1)}`;
  const given = word === undefined ? "" : `, and ${JSON.stringify(word)} is given`;
  throw new UsageError(`${names} is expected${given}`);
}

/** Refuses what only other actions of the command know. `optionsOf`: what some of them know, and others do not. */
export function checkActionOptions<A extends string>(
  command: string,
  action: A,
  { options }: Arguments,
  optionsOf: Readonly<Record<A, readonly string[]>>,
): void {
  for (const name of Object.values<readonly string[]>(optionsOf).flat()) {
    if (options.has(name) && !optionsOf[action].includes(name))
      throw new UsageError(`ottla ${command} ${action} knows no --${name}`);
  }
}

/** Loads the app, reaches its cluster, has `work` do the rest, and closes the app. Resolves to the exit code. */
export async function withApp(
  modules: readonly string[],
  args: Arguments,
  io: CliIo,
  work: (loaded: LoadedApp) => Promise<number>,
  signal?: AbortSignal | undefined,
): Promise<number> {
  const timeout = durationOption(args, "timeout") ?? DEFAULT_TIMEOUT;
  const loaded = await openApp(modules, args, io);
  try {
    return (await reachBrokers(loaded.state, timeout, io, signal)) ? await work(loaded) : EXIT.failed;
  } finally {
    await loaded.app.close();
  }
}
