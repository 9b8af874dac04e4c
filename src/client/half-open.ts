import { sleep } from "../net/clock.ts";
import { Connection, type ConnectionOptions } from "../net/connection.ts";

/** A broker that has just woken up answers what it owes within so many ms of answering somebody new. */
const GRACE = 1_000;

/**
 * Closes connections that are half open: a firewall has forgotten them, or the broker's machine was replaced, and nobody
 * was told. A broker that hangs has overdue answers too. So it is asked for a new connection: where it answers on that one
 * and still not on the old ones, those are dead. What was asked there may be asked again; TCP itself, or the request's
 * timeout, would take half a minute and more. Connections that are not in use, to whatever broker, cost nothing: they
 * are closed too where they have not been heard from since. `opened`: the client's connections, as they are then.
 */
export async function closeHalfOpen(probe: ConnectionOptions, opened: () => readonly Connection[]): Promise<void> {
  const { clock, signal } = probe;
  const began = clock.monotonic();
  const fresh = await Connection.open(probe);
  fresh.close();
  await sleep(clock, GRACE, signal);
  if (signal?.aborted) return;
  const all = opened();
  const mute = all.filter(({ broker, line }) => broker === fresh.broker && line.heardAt < began);
  const dead = mute.filter(({ line }) => line.isOverdue);
  if (dead.length === 0) return;
  const since = Math.max(...dead.map(({ line }) => line.heardAt));
  const isUnused = ({ inFlight, line }: Connection): boolean => inFlight === 0 && line.heardAt <= since;
  const given = new Set([...mute.filter(({ line }) => line.isLate), ...all.filter(isUnused)]);
  for (const connection of given)
    connection.giveUp("it is half open: the broker answers on a new one, and not on this");
}
