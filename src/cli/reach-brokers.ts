import { KafkaError } from "../client/errors.ts";
import type { Kafka } from "../client/kafka.ts";
import type { AppState } from "../jobs/app-state.ts";
import { sleep } from "../net/clock.ts";
import { formatAddress } from "../net/transport.ts";
import { CliError } from "./cli-error.ts";
import type { CliIo } from "./io.ts";
import { note } from "./output.ts";

const PAUSE = 500;

/**
 * Resolves once a broker answers: true; or when `signal` aborts: false. Throws a {@link CliError} where none has after
 * `timeout` ms, though each attempt of the client's own may take longer.
 */
export async function reachBrokers(
  state: AppState,
  timeout: number,
  io: CliIo,
  signal?: AbortSignal | undefined,
): Promise<boolean> {
  const { kafka, clock } = state.slot.use();
  const deadline = clock.monotonic() + timeout;
  for (let attempt = 1; ; attempt++) {
    const connected = kafka.cluster.any("general").then(
      () => "reached" as const,
      (error: unknown) => error,
    );
    const left = deadline - clock.monotonic();
    const outcome = await Promise.race([connected, sleep(clock, left, signal).then(() => silence(kafka))]);
    if (outcome === "reached") return true;
    if (signal?.aborted) return false;
    if (outcome instanceof KafkaError && !outcome.retriable) throw outcome;
    if (deadline - clock.monotonic() <= PAUSE) throw unreachable(timeout, outcome);
    if (attempt === 1) note(io, `${messageOf(outcome)}; trying for ${timeout / 1_000} s`);
    await sleep(clock, PAUSE, signal);
  }
}

function unreachable(timeout: number, cause: unknown): CliError {
  const hint = "Is Kafka running there? KAFKA_BROKERS or --brokers says where it is; `ottla dev` needs none.";
  return new CliError(`${messageOf(cause)} (within ${timeout / 1_000} s). ${hint}`, undefined, { cause });
}

/** What there is to say where the time is over, and the attempt is not. */
function silence({ cluster }: Kafka): Error {
  return new Error(`no Kafka broker has answered: ${cluster.options.bootstrap.map(formatAddress).join(", ")}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
