import type { Clock, Timer } from "../net/clock.ts";

/** One thing that was tried in vain. */
export interface FailedAttempt<Item> {
  readonly item: Item;
  readonly error: unknown;
}

/**
 * Tries items one after the other, the next as soon as one has failed or has taken longer than `patience` ms, and
 * resolves with the first success: what hangs holds up nobody. Rejects with what `isFinal` says no other can mend, or
 * with what `none` makes of all failures.
 */
export function firstToSucceed<Item, Result>(
  clock: Clock,
  items: readonly Item[],
  patience: number,
  attempt: (item: Item) => Promise<Result>,
  isFinal: (error: unknown) => boolean,
  none: (failures: readonly FailedAttempt<Item>[]) => unknown,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const failures: FailedAttempt<Item>[] = [];
    let next = 0;
    let isDone = false;
    let timer: Timer | undefined;
    const end = (settle: () => void): void => {
      isDone = true;
      timer?.cancel();
      settle();
    };
    const fail = (item: Item, error: unknown): void => {
      if (isDone) return;
      failures.push({ item, error });
      if (isFinal(error)) end(() => reject(error));
      else if (failures.length === items.length) end(() => reject(none(failures)));
      else begin();
    };
    const begin = (): void => {
      timer?.cancel();
      if (isDone || next >= items.length) return;
      const item = items[next++]!;
      timer = clock.timer(patience, begin);
      attempt(item).then(
        (result) => {
          if (!isDone) end(() => resolve(result));
        },
        (error: unknown) => fail(item, error),
      );
    };
    if (items.length === 0) reject(none([]));
    else begin();
  });
}
