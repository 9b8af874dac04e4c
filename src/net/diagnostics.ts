/** One channel of node:diagnostics_channel. */
export interface DiagnosticsChannel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

interface DiagnosticsModule {
  channel(name: string): DiagnosticsChannel;
}

/**
 * The channel of this name, where the runtime has node:diagnostics_channel. It is asked for and not imported, since
 * runtimes at the edge have none and would refuse the import.
 */
export function diagnosticsChannel(name: string): DiagnosticsChannel | undefined {
  const host = globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } };
  const found = host.process?.getBuiltinModule?.("node:diagnostics_channel") as DiagnosticsModule | undefined;
  return found?.channel(name);
}
