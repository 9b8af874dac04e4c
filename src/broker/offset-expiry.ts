import type { Clock } from "../net/clock.ts";
import type { Group } from "./group.ts";

/** How often Kafka looks for what is over (`offsets.retention.check.interval.ms`), in ms. */
const CHECK_INTERVAL = 10 * 60 * 1000;

/** Forgets offsets that nobody has used for long, and groups that have nothing else (KIP-211). */
export interface OffsetExpiry {
  /** Looks whether it is time to look. Whoever reads groups calls it first: nothing waits for it, so no timer is set. */
  sweep(): void;
}

/** `retention`: how long offsets are kept that nobody uses, in ms. */
export function createOffsetExpiry(
  clock: Clock,
  retention: number,
  groups: () => Iterable<Group>,
  remove: (group: Group) => void,
): OffsetExpiry {
  let next = clock.now() + CHECK_INTERVAL;
  /** When a classic group was last seen with members: its offsets are in use until then. */
  const lastUse = new WeakMap<Group, number>();

  const expire = (group: Group, now: number): void => {
    const { members, offsets } = group;
    // An empty consumer group's offsets are as old as they are, as in Kafka.
    const emptied = members.kind === "classic" && members.isEmpty ? (lastUse.get(group) ?? 0) : 0;
    if (!members.isEmpty) lastUse.set(group, now);
    offsets.expire((topic, { committedAt }) => {
      if (group.mayUse(topic)) return false;
      return now - Math.max(committedAt, emptied) >= retention;
    });
    if (members.isEmpty && offsets.isEmpty) remove(group);
  };
  return {
    sweep() {
      const now = clock.now();
      if (now < next) return;
      next = now + CHECK_INTERVAL;
      for (const group of [...groups()]) expire(group, now);
    },
  };
}
