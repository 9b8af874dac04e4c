/** What a database would have: each account with the offset of the last job that changed it, written in one step. */
export interface Account {
  readonly balance: number;
  readonly offset: number;
}

export const accounts: Map<string, Account> = new Map();

/** What the bank's mail server would say; tests let it fail. */
export const mail: { send(to: string): Promise<void> } = { send: async () => {} };
