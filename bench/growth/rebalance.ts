import { setTimeout as sleep } from "node:timers/promises";
import type { GroupProtocol } from "ottla";
import type { Values } from "./figures.ts";
import { createCrew } from "./group-crew.ts";
import type { GrowthBench } from "./growth-bench.ts";
import type { Column } from "./measure.ts";

export interface RebalanceSize {
  readonly partitions: number;
  /** Those that are there before another one joins. */
  readonly members: number;
}

export const PROTOCOLS: readonly GroupProtocol[] = ["consumer", "classic"];
/** Jobs go on being run so long once partitions have stopped moving, so that those that waited are among them. */
const AFTER_MS = 500;

const NAMES: Readonly<Record<GroupProtocol, string>> = { consumer: "KIP-848", classic: "classic" };

export const REBALANCE_COLUMNS: readonly Column[] = PROTOCOLS.flatMap((protocol) => [
  { key: `${protocol}-joined`, title: `${NAMES[protocol]}: joined`, unit: "ms" },
  { key: `${protocol}-waited`, title: `${NAMES[protocol]}: a job waited`, unit: "ms" },
  { key: `${protocol}-left`, title: `${NAMES[protocol]}: left`, unit: "ms" },
]);

/** What one member more, and then one less, costs a group under each protocol. */
export async function rebalances(
  bench: GrowthBench,
  size: RebalanceSize,
  protocols: readonly GroupProtocol[],
): Promise<Values> {
  const found: Record<string, number> = {};
  for (const protocol of protocols) {
    const part = bench.part();
    try {
      const { joined, left, waited } = await rebalance(part, size, protocol);
      Object.assign(found, {
        [`${protocol}-joined`]: joined,
        [`${protocol}-left`]: left,
        [`${protocol}-waited`]: waited,
      });
    } finally {
      await part.close();
    }
  }
  return found;
}

async function rebalance(
  bench: GrowthBench,
  { partitions, members }: RebalanceSize,
  groupProtocol: GroupProtocol,
): Promise<{ readonly joined: number; readonly left: number; readonly waited: number }> {
  const queue = await bench.topic(partitions);
  const crew = createCrew(bench, { queue, concurrency: 100, groupProtocol, does: "nothing", ms: 0 });
  await Promise.all(Array.from({ length: members }, () => crew.add()));
  const before = [...crew.hands];
  await Promise.all(before.map((hand) => hand.ask("work")));
  await crew.settled(before, partitions, Math.floor(partitions / members));
  const another = await crew.add();
  await bench.start("trickle", { queue, partitions }).next();
  await sleep(AFTER_MS);
  const longest = async (): Promise<number> =>
    Math.max(...(await Promise.all(crew.hands.map(async (hand) => (await hand.report()).longest))));
  await longest();
  const joinedAt = await another.ask("work");
  const joined = (await crew.settled(crew.hands, partitions, Math.floor(partitions / (members + 1)))) - joinedAt;
  await sleep(AFTER_MS);
  const waited = await longest();
  const leftAt = await another.ask("close");
  const left = (await crew.settled(before, partitions, Math.floor(partitions / members))) - leftAt;
  return { joined, left, waited };
}
