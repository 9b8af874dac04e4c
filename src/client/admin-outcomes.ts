import { KafkaError, type KafkaErrorContext, ProtocolError } from "./errors.ts";

/** What became of one thing that a request was about. */
export interface Outcome {
  readonly errorCode: number;
  readonly errorMessage?: string | null | undefined;
}

/** The error of one outcome, in the broker's own words too. */
export function outcomeError(
  { errorCode, errorMessage }: Outcome,
  what: string,
  context: KafkaErrorContext,
): ProtocolError {
  return new ProtocolError(errorCode, errorMessage ? `${what} (${errorMessage})` : what, context);
}

/** Throws one error that names every outcome that failed; it can be retried where all of them can. */
export function refuseFailed<T extends Outcome>(
  outcomes: readonly T[],
  describe: (outcome: T) => { readonly what: string; readonly topic?: string | undefined },
  broker: string,
): void {
  const failures = outcomes
    .filter(({ errorCode }) => errorCode !== 0)
    .map((outcome) => {
      const { what, topic } = describe(outcome);
      return outcomeError(outcome, what, { topic, broker });
    });
  const [first] = failures;
  if (first === undefined) return;
  if (failures.length === 1) throw first;
  const message = failures.map((failure) => failure.message).join("; ");
  const retriable = failures.every((failure) => failure.retriable);
  throw new KafkaError(first.code, message, retriable, { broker, cause: first });
}
