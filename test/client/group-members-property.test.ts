import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { APIS, type Command, NODES, type Protocol, play } from "../support/group-world.ts";

const RUNS = Number(process.env.OTTLA_SIMULATIONS ?? 30);
const SEED = process.env.OTTLA_SEED === undefined ? {} : { seed: Number(process.env.OTTLA_SEED) };

function commands(protocols: readonly Protocol[]): fc.Arbitrary<Command[]> {
  const which = fc.nat(7);
  const api = fc.nat(APIS.length - 1);
  const protocol = fc.constantFrom(...protocols);
  const odd = protocols.length > 1 ? (["thaw", "swap"] as const) : (["thaw"] as const);
  const join = fc.record({ do: fc.constant("join" as const), protocol, name: fc.nat(5), release: fc.nat(20_000) });
  const command = fc.oneof(
    { weight: 4, arbitrary: join },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("close" as const, "freeze" as const), which }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom(...odd), which }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(15_000) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("fail" as const),
        api,
        code: fc.nat(9),
        times: fc.integer({ min: 1, max: 3 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("cut" as const), api, late: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("delay" as const), api, ms: fc.nat(8_000) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("move" as const), node: fc.integer({ min: 1, max: NODES }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("grow" as const) }) },
  );
  return fc.array(command, { minLength: 4, maxLength: 25, size: "max" });
}

/** What the property has found before, by what was the matter. */
const KNOWN: Readonly<Record<string, readonly Command[]>> = {
  "a static member goes over to the other protocol before it was assigned anything": [
    { do: "join", protocol: "classic", name: 1, release: 0 },
    { do: "wait", ms: 0 },
    { do: "delay", api: 0, ms: 0 },
    { do: "grow" },
    { do: "close", which: 0 },
    { do: "join", protocol: "consumer", name: 1, release: 0 },
  ],
  "the member that changes the group's protocol is heard of late": [
    { do: "join", protocol: "classic", name: 0, release: 56 },
    { do: "join", protocol: "consumer", name: 0, release: 0 },
    { do: "delay", api: 3, ms: 4354 },
    { do: "delay", api: 2, ms: 3321 },
    { do: "join", protocol: "classic", name: 2, release: 0 },
    { do: "fail", api: 4, code: 0, times: 3 },
    { do: "join", protocol: "classic", name: 1, release: 0 },
    { do: "wait", ms: 1771 },
    { do: "move", node: 1 },
    { do: "delay", api: 0, ms: 0 },
    { do: "delay", api: 0, ms: 0 },
    { do: "move", node: 1 },
  ],
  "a member is given anew what it is still letting go": [
    { do: "join", protocol: "consumer", name: 0, release: 0 },
    { do: "join", protocol: "classic", name: 0, release: 3385 },
    { do: "delay", api: 0, ms: 109 },
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "wait", ms: 1471 },
    { do: "close", which: 0 },
    { do: "wait", ms: 2152 },
  ],
  "a frozen member's join arrives after that of the next of its name": [
    { do: "join", protocol: "classic", name: 1, release: 0 },
    { do: "delay", api: 0, ms: 145 },
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "grow" },
    { do: "freeze", which: 1 },
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "fail", api: 0, code: 0, times: 1 },
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "wait", ms: 0 },
    { do: "cut", api: 0, late: false },
  ],
  "a static member goes back to the classic protocol while another lets go": [
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "join", protocol: "consumer", name: 1, release: 0 },
    { do: "close", which: 1 },
    { do: "join", protocol: "classic", name: 1, release: 0 },
    { do: "thaw", which: 0 },
    { do: "fail", api: 0, code: 0, times: 1 },
    { do: "fail", api: 0, code: 0, times: 1 },
    { do: "close", which: 3 },
  ],
  "the only member of the newer protocol closes as another comes": [
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "join", protocol: "consumer", name: 0, release: 0 },
    { do: "join", protocol: "consumer", name: 0, release: 0 },
    { do: "close", which: 1 },
  ],
  "the first answer to a static member of the newer protocol is lost": [
    { do: "cut", api: 3, late: true },
    { do: "join", protocol: "classic", name: 0, release: 7260 },
    { do: "wait", ms: 11687 },
    { do: "join", protocol: "consumer", name: 1, release: 0 },
  ],
  "the name of a frozen member is taken while it has its lease": [
    { do: "join", protocol: "classic", name: 1, release: 0 },
    { do: "join", protocol: "consumer", name: 0, release: 0 },
    { do: "freeze", which: 0 },
    { do: "join", protocol: "classic", name: 1, release: 0 },
    { do: "fail", api: 0, code: 0, times: 1 },
    { do: "wait", ms: 0 },
    { do: "grow" },
    { do: "close", which: 0 },
  ],
  "a heartbeat hears of a rebalance just before its member freezes": [
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "wait", ms: 3477 },
    { do: "fail", api: 2, code: 3, times: 1 },
    { do: "wait", ms: 330 },
    { do: "freeze", which: 0 },
    { do: "wait", ms: 6336 },
    { do: "delay", api: 0, ms: 3315 },
    { do: "thaw", which: 0 },
    { do: "cut", api: 0, late: true },
    { do: "wait", ms: 0 },
    { do: "grow" },
    { do: "join", protocol: "classic", name: 0, release: 0 },
  ],
  "only the age of their metadata tells members of new partitions": [
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "wait", ms: 207 },
    { do: "thaw", which: 0 },
    { do: "cut", api: 1, late: true },
    { do: "grow" },
  ],
  "a frozen member is the only one when the protocol changes": [
    { do: "join", protocol: "consumer", name: 1, release: 0 },
    { do: "wait", ms: 3422 },
    { do: "grow" },
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "close", which: 0 },
    { do: "fail", api: 2, code: 2, times: 2 },
    { do: "wait", ms: 10220 },
    { do: "freeze", which: 1 },
    { do: "join", protocol: "consumer", name: 1, release: 0 },
    { do: "close", which: 0 },
    { do: "fail", api: 0, code: 0, times: 1 },
    { do: "move", node: 2 },
  ],
  "a static member of the newer protocol is told to join again": [
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "join", protocol: "classic", name: 0, release: 786 },
    { do: "close", which: 2 },
    { do: "delay", api: 0, ms: 2287 },
    { do: "join", protocol: "consumer", name: 1, release: 0 },
    { do: "fail", api: 0, code: 6, times: 2 },
    { do: "fail", api: 3, code: 3, times: 1 },
    { do: "wait", ms: 4028 },
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "cut", api: 0, late: false },
    { do: "fail", api: 0, code: 0, times: 1 },
    { do: "join", protocol: "classic", name: 2, release: 0 },
  ],
  "a member of the classic protocol comes before the other is heard of": [
    { do: "join", protocol: "consumer", name: 0, release: 0 },
    { do: "join", protocol: "classic", name: 0, release: 6781 },
    { do: "cut", api: 3, late: true },
    { do: "delay", api: 3, ms: 27 },
    { do: "cut", api: 3, late: false },
    { do: "wait", ms: 10344 },
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "close", which: 0 },
    { do: "close", which: 0 },
    { do: "fail", api: 0, code: 0, times: 1 },
  ],
  "heartbeats of the only member of the newer protocol come late": [
    { do: "join", protocol: "classic", name: 0, release: 256 },
    { do: "join", protocol: "consumer", name: 0, release: 0 },
    { do: "delay", api: 0, ms: 5400 },
    { do: "fail", api: 2, code: 0, times: 1 },
    { do: "delay", api: 3, ms: 3297 },
    { do: "delay", api: 3, ms: 3255 },
    { do: "wait", ms: 6717 },
    { do: "fail", api: 0, code: 0, times: 1 },
    { do: "fail", api: 0, code: 0, times: 1 },
  ],
  "each rebalance finds something that is still being let go": [
    { do: "join", protocol: "classic", name: 0, release: 3387 },
    { do: "wait", ms: 10028 },
    { do: "fail", api: 0, code: 0, times: 2 },
    { do: "join", protocol: "classic", name: 0, release: 0 },
    { do: "wait", ms: 3476 },
    { do: "delay", api: 2, ms: 3348 },
    { do: "grow" },
    { do: "join", protocol: "consumer", name: 0, release: 0 },
    { do: "grow" },
    { do: "fail", api: 0, code: 0, times: 1 },
    { do: "fail", api: 0, code: 0, times: 1 },
  ],
  "a classic member that was put out as it froze is taken back by its old id": [
    { do: "join", protocol: "classic", name: 3, release: 2172 },
    { do: "wait", ms: 1252 },
    { do: "join", protocol: "consumer", name: 0, release: 0 },
    { do: "wait", ms: 8823 },
    { do: "freeze", which: 0 },
    { do: "wait", ms: 7633 },
    { do: "grow" },
    { do: "wait", ms: 3240 },
    { do: "thaw", which: 0 },
    { do: "fail", api: 2, code: 0, times: 1 },
    { do: "wait", ms: 3 },
  ],
  "the only member of the newer protocol is told to join again": [
    { do: "join", protocol: "classic", name: 0, release: 4147 },
    { do: "join", protocol: "consumer", name: 0, release: 0 },
    { do: "cut", api: 0, late: false },
    { do: "delay", api: 0, ms: 7958 },
    { do: "wait", ms: 3276 },
    { do: "fail", api: 3, code: 3, times: 1 },
    { do: "wait", ms: 3308 },
    { do: "fail", api: 0, code: 0, times: 1 },
  ],
};

for (const [what, list] of Object.entries(KNOWN))
  test(`members share their partitions though ${what}`, (t) => play(t, list));

for (const protocols of [["classic"], ["consumer"], ["classic", "consumer"]] as const) {
  test(`members of the ${protocols.join(" and the ")} protocol never share a partition, and lose none`, async () => {
    const property = fc.asyncProperty(commands(protocols), async (list) => {
      const cleanups: (() => Promise<void>)[] = [];
      try {
        await play({ after: (fn) => void cleanups.unshift(fn) }, list);
      } finally {
        for (const cleanup of cleanups) await cleanup();
      }
    });
    // fast-check prints the seed and the shrunk commands of a failure; OTTLA_SEED runs the same again.
    await fc.assert(property, { numRuns: RUNS, ...SEED });
  });
}
