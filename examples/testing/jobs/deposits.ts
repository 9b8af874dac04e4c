import { accounts, mail } from "../accounts.ts";
import { app } from "../app.ts";

export const sendReceipt = app.job<{ account: string }>({
  name: "send-receipt",
  queue: "receipts",
  perform: ({ account }) => mail.send(account),
});

export const deposit = app.job<{ account: string; amount: number }>({
  name: "deposit",
  queue: "accounts",
  partitioner: (job) => job.payload.account,
  async perform({ account, amount }, job) {
    const before = accounts.get(account) ?? { balance: 0, offset: -1 };
    // Jobs run at least once: this one may have been here, and died before that was committed.
    if (job.offset > before.offset) accounts.set(account, { balance: before.balance + amount, offset: job.offset });
    await sendReceipt.performLater({ account });
  },
});
