import { type App, stateOf } from "./app.ts";
import type { Runtime, RuntimeParts } from "./runtime.ts";

/** An app that runs on parts of somebody else's choosing. */
export interface FilledRuntime {
  readonly runtime: Runtime;
  /** Lets go of the parts. The app can then be filled again, or used as it is. */
  release(): Promise<void>;
}

/**
 * Puts a transport, a clock and brokers of the caller's choosing into the app, before its first use. Throws an
 * `AppInUseError` where it is in use already.
 */
export function fillRuntime(app: App, parts: RuntimeParts): FilledRuntime {
  const { slot } = stateOf(app);
  return { runtime: slot.fill(parts), release: () => slot.empty() };
}
