import type { Command } from "../command.ts";
import { broker } from "./broker.ts";
import { dev } from "./dev.ts";
import { enqueue } from "./enqueue.ts";
import { topics } from "./topics.ts";
import { worker } from "./worker.ts";

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [dev, worker, enqueue, topics, broker];
