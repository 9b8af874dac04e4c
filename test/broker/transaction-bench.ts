import { sleep } from "../../src/net/clock.ts";
import type { Wire } from "../support/raw-transactions.ts";
import type { Bench, RawClient } from "./raw-client.ts";

/** The way of raw transactions to a bench's broker: everything over `client`, whose node has to be the right one. */
export function benchWire(bench: Bench, client: RawClient): Wire {
  return {
    toTransactions: (_id, api, version, body) => bench.run(client.call(api, version, body)),
    toGroup: (_id, api, version, body) => bench.run(client.call(api, version, body)),
    toLeader: (_topic, _partition, api, version, body) => bench.run(client.call(api, version, body)),
    now: () => bench.clock.now(),
    pause: () => bench.run(sleep(bench.clock, 10)),
  };
}
