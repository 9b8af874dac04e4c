import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import { type Joined, REBALANCE, SESSION, type Setup, type Synced, setUp } from "./classic-bench.ts";

type Step =
  | { readonly do: "join"; readonly instance: number | null }
  | { readonly do: "rejoin" | "sync" | "heartbeat" | "leave"; readonly member: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "move" };

const anyMember = fc.nat({ max: 9 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("join" as const), instance: fc.option(fc.nat({ max: 2 })) }),
  fc.record({
    do: fc.constantFrom("rejoin" as const, "sync" as const, "heartbeat" as const, "leave" as const),
    member: anyMember,
  }),
  fc.record({ do: fc.constantFrom("rejoin" as const, "sync" as const), member: anyMember }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.nat({ max: SESSION }) }),
  fc.record({ do: fc.constant("move" as const) }),
);

describe("a classic group under any requests", () => {
  /** Applies steps and keeps what every member was last told. */
  async function play(
    steps: readonly Step[],
    delay: number,
  ): Promise<{ setup: Setup; open: () => number; told: Map<string, Joined> }> {
    const setup = setUp({ initialRebalanceDelayMs: delay });
    const told = new Map<string, Joined>();
    let open = 0;
    const track = <T extends Joined | Synced>(work: Promise<T>, then: (answer: T) => void): void => {
      open += 1;
      void work.then((answer) => {
        open -= 1;
        then(answer);
      });
    };
    const keep = (answer: Joined): void => {
      if (answer.errorCode === undefined) told.set(answer.memberId!, answer);
    };
    for (const step of steps) {
      const ids = [...told.keys()];
      const memberId = "member" in step ? ids[step.member % Math.max(1, ids.length)] : undefined;
      const groupInstanceId = /^static-\d/.exec(memberId ?? "")?.[0] ?? null;
      if (step.do === "join")
        track(setup.join(step.instance === null ? {} : { groupInstanceId: `static-${step.instance}` }), keep);
      else if (step.do === "wait") await setup.time.advance(step.ms);
      else if (step.do === "move") {
        setup.group.unload(ErrorCode.NOT_COORDINATOR);
        setup.group.load();
      } else if (memberId === undefined) continue;
      else if (step.do === "rejoin") track(setup.join({ memberId, groupInstanceId }), keep);
      else if (step.do === "sync")
        track(setup.sync(told.get(memberId)!, groupInstanceId === null ? {} : { groupInstanceId }), () => undefined);
      else if (step.do === "heartbeat")
        setup.group.heartbeat(memberId, groupInstanceId, told.get(memberId)!.generationId!);
      else setup.group.leave({ memberId, groupInstanceId });
      await setup.settle();
    }
    return { setup, open: () => open, told };
  }

  test("answers every join and sync in the end, and empties when all fall silent", async () => {
    const steps = fc.array(anyStep, { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom(0, 3000), async (all, delay) => {
        const { setup, open } = await play(all, delay);
        for (let i = 0; i < 20; i++) await setup.time.advance(REBALANCE);
        assert.equal(open(), 0, "a request was never answered");
        assert.equal(setup.group.state, "Empty");
      }),
      { numRuns: 200 },
    );
  });

  test("never gives one generation two leaders or two protocols", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (all) => {
        const { setup, told } = await play(
          all.filter((step) => step.do !== "move"),
          0,
        );
        const leaders = new Map<number, Set<string>>();
        for (const { generationId, leader, memberId } of told.values()) {
          if (leader === memberId) leaders.set(generationId!, (leaders.get(generationId!) ?? new Set()).add(leader!));
        }
        const dynamic = [...leaders].filter(([, ids]) => ![...ids].some((id) => id.startsWith("static")));
        for (const [generation, ids] of dynamic) assert.equal(ids.size, 1, `generation ${generation}`);
        assert.ok(setup.group.generationId >= Math.max(0, ...leaders.keys()));
      }),
      { numRuns: 200 },
    );
  });
});
