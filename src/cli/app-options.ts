import { fillRuntime } from "../jobs/fill-runtime.ts";
import { defaultBrokers } from "../jobs/options.ts";
import type { Arguments, OptionSpecs } from "./arguments.ts";
import type { CliIo } from "./io.ts";
import { type LoadedApp, loadApp } from "./load-app.ts";
import { listOption } from "./option-values.ts";

/** Options of every command that loads an app. */
export const APP_OPTIONS: OptionSpecs = {
  app: { value: "NAME", help: "the export that is the app, where there are several" },
};

/** Options of every command whose app meets a cluster that runs elsewhere. */
export const CLUSTER_OPTIONS: OptionSpecs = {
  brokers: { value: "HOST:PORT,…", help: "where to begin, instead of what the app or KAFKA_BROKERS says" },
  timeout: { value: "DURATION", help: "how long to try to reach a broker, as 5s" },
};

/** Loads the app and points it to `--brokers`. */
export async function openApp(modules: readonly string[], args: Arguments, io: CliIo): Promise<LoadedApp> {
  const brokers = listOption(args, "brokers");
  const loaded = await loadApp(modules, args.options.get("app"), io);
  if (brokers !== undefined) fillRuntime(loaded.app, { brokers });
  return loaded;
}

/** Where the app begins, but for `--brokers`. */
export function brokersOf({ state }: LoadedApp): readonly string[] {
  return state.settings.kafka.brokers ?? defaultBrokers();
}
