import { ErrorCode } from "../../../protocol/errors.ts";
import {
  type ListTransactionsRequest,
  type ListTransactionsResponse,
  listTransactions,
} from "../../../protocol/messages/66-list-transactions.ts";
import type { Handler } from "../handler.ts";
import type { Transaction } from "../transaction.ts";

/** All that Kafka knows: two of them are too short for anybody to see. */
const STATES: ReadonlySet<string> = new Set([
  ...["Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"],
  ...["Dead", "PrepareEpochFence"],
]);

export const listTransactionsHandler: Handler<ListTransactionsRequest, ListTransactionsResponse> = {
  api: listTransactions,
  handle({ cluster, nodeId }, request) {
    const unknownStateFilters = request.stateFilters.filter((state) => !STATES.has(state));
    const pattern = patternOf(request.transactionalIdPattern);
    if (pattern === "invalid") return { errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION };
    const own = cluster.transactions.all.filter(
      ({ transactionalId }) => cluster.transactions.coordinators.of(transactionalId) === nodeId,
    );
    const wanted = own.filter(
      (one) => isWanted(one, request, cluster.clock.now()) && (pattern?.test(one.transactionalId) ?? true),
    );
    const transactionStates = wanted.map(({ transactionalId, identity, state }) => {
      return { transactionalId, producerId: identity.producerId, transactionState: state };
    });
    return { unknownStateFilters, transactionStates };
  },
  fail: (_request, errorCode) => ({ errorCode }),
};

function isWanted(
  one: Transaction,
  { stateFilters, producerIdFilters, ...rest }: ListTransactionsRequest,
  now: number,
): boolean {
  if (stateFilters.length > 0 && !stateFilters.includes(one.state)) return false;
  if (producerIdFilters.length > 0 && !producerIdFilters.includes(one.identity.producerId)) return false;
  return rest.durationFilter < 0 || now - one.startedAt > rest.durationFilter;
}

/** For the whole of an id, as Kafka takes it; undefined: for all. */
function patternOf(source: string | null): RegExp | "invalid" | undefined {
  if (source === null || source === "") return undefined;
  try {
    return new RegExp(`^(?:${source})$`, "u");
  } catch {
    return "invalid";
  }
}
