import { conform } from "./conform.ts";
import { idempotenceConformance } from "./idempotence.ts";
import { withoutEpochPerTransaction } from "./target.ts";
import { transactionOffsetsConformance } from "./transaction-offsets.ts";
import { transactionOwnersConformance } from "./transaction-owners.ts";
import { transactionsConformance } from "./transactions.ts";
import { transactionsClientConformance } from "./transactions-client.ts";

await conform([
  idempotenceConformance,
  transactionsConformance,
  transactionOwnersConformance,
  transactionOffsetsConformance,
  transactionsClientConformance,
]);
// A client tells by the feature alone how to write transactions.
transactionsClientConformance(withoutEpochPerTransaction);
