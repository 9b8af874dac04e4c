const PREFIX = "ottla-in-process-";

/** The cluster id of an in-process broker: unique, and clients know by it that no real cluster is meant. */
export function inProcessClusterId(uuid: string): string {
  return PREFIX + uuid;
}

export function isInProcessClusterId(clusterId: string | null): boolean {
  return clusterId?.startsWith(PREFIX) === true;
}
