import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { numberOption } from "../support/number-option.ts";
import type { Runtime } from "../support/runtime-arguments.ts";
import { FAULT_KINDS, type FaultKind } from "./choose-faults.ts";

export const USAGE: string = `Attacks workers on three Kafka brokers, and checks everything that Ottla guarantees.

npm run chaos -- --minutes N     for so long; default 30. A folder that has rounds already goes on, and gets more
      --folder FOLDER            where rounds, report and whatever failed are kept; default ./chaos
      --cluster SCRIPT           starts, stops and hurts brokers; default: OTTLA_FAULT_CLUSTER or KAFKA_CLUSTER
      --port PORT                of the first broker; default 29092. Higher ones some connection may have just then
      --kafka-version VERSION    default: KAFKA_VERSION, or the script's own
      --seed SEED                what the faults are chosen by; default: the folder's, or one at random
      --runtimes node,deno,bun   of the workers, in turn; default: those that are installed
      --workers COUNT            default 4
      --faults KIND,KIND         these alone: ${FAULT_KINDS.join(", ")}
`;

export interface ChaosOptions {
  readonly minutes: number;
  readonly folder: string;
  readonly script: string;
  readonly port: number;
  readonly kafkaVersion: string | undefined;
  readonly seed: number | undefined;
  readonly runtimes: readonly Runtime[] | undefined;
  readonly workers: number;
  /** What may go wrong. Undefined: everything. */
  readonly faults: readonly FaultKind[] | undefined;
}

const TEXT = { type: "string" } as const;
const FLAG = { type: "boolean" } as const;
const OPTIONS = {
  ...{ minutes: TEXT, folder: TEXT, cluster: TEXT, port: TEXT, "kafka-version": TEXT, seed: TEXT, runtimes: TEXT },
  ...{ workers: TEXT, faults: TEXT, help: FLAG },
} as const;
const RUNTIMES: readonly Runtime[] = ["node", "deno", "bun"];
const MOST_SEED = 2 ** 31 - 1;

type Environment = Readonly<Record<string, string | undefined>>;

/** Undefined: help was asked for. Throws a RangeError that names the option that is wrong. */
export function readOptions(args: readonly string[], environment: Environment): ChaosOptions | undefined {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help === true) return undefined;
  const script = values.cluster ?? environment.OTTLA_FAULT_CLUSTER ?? environment.KAFKA_CLUSTER ?? "";
  if (script === "") throw new RangeError("--cluster: name a script that starts and hurts Kafka brokers");
  if (!existsSync(script)) throw new RangeError(`--cluster ${script}: there is no such file`);
  return {
    minutes: numberOption("minutes", values.minutes, 30, { least: 0.1, most: 100_000 }),
    folder: textOf("folder", values.folder ?? "chaos"),
    script,
    port: numberOption("port", values.port, 29_092, { least: 1, most: 65_500, isWhole: true }),
    kafkaVersion: values["kafka-version"] ?? environment.KAFKA_VERSION,
    seed: numberOption("seed", values.seed, undefined, { most: MOST_SEED, isWhole: true }),
    runtimes: values.runtimes === undefined ? undefined : namesOf("runtimes", values.runtimes, RUNTIMES),
    workers: numberOption("workers", values.workers, 4, { least: 2, most: 6, isWhole: true }),
    faults: values.faults === undefined ? undefined : namesOf("faults", values.faults, FAULT_KINDS),
  };
}

function textOf(option: string, text: string): string {
  if (text === "") throw new RangeError(`--${option}: it is empty`);
  return text;
}

function namesOf<N extends string>(option: string, text: string, known: readonly N[]): N[] {
  const names = text.split(",");
  const unknown = names.find((name) => !(known as readonly string[]).includes(name));
  if (unknown !== undefined) throw new RangeError(`--${option} ${text}: "${unknown}" is none of ${known.join(", ")}`);
  return names as N[];
}
