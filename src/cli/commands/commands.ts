import type { Command } from "../command.ts";
import { blocked } from "./blocked.ts";
import { broker } from "./broker.ts";
import { dead } from "./dead.ts";
import { dev } from "./dev.ts";
import { enqueue } from "./enqueue.ts";
import { parked } from "./parked.ts";
import { recurring } from "./recurring.ts";
import { scheduled } from "./scheduled.ts";
import { topics } from "./topics.ts";
import { worker } from "./worker.ts";

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  ...[dev, worker, enqueue, topics],
  ...[scheduled, recurring, blocked, parked, dead, broker],
];
