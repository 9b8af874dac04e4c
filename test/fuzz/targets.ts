import { brokerTargets } from "./broker-targets.ts";
import { clientTargets } from "./client-targets.ts";
import { jobTargets } from "./job-targets.ts";
import { protocolTargets } from "./protocol-targets.ts";
import type { FuzzTarget } from "./target.ts";
import { textTargets } from "./text-targets.ts";

/** Every decoder that is given what others wrote. */
export const targets: readonly FuzzTarget[] = [
  ...protocolTargets,
  ...clientTargets,
  ...jobTargets,
  ...textTargets,
  ...brokerTargets,
];
