import type { Admin } from "../client/admin.ts";
import { cleanupPolicy } from "./cleanup-policy.ts";
import { namedError } from "./named-error.ts";
import { ScheduleTopicError } from "./schedule-errors.ts";

/** Makes sure, once for each schedule topic, that it keeps what waits in it. */
export class ScheduleTopicCheck {
  readonly #admin: () => Admin;
  readonly #checks = new Map<string, Promise<void>>();
  readonly #checked = new Set<string>();

  constructor(admin: () => Admin) {
    this.#admin = admin;
  }

  isChecked(topic: string): boolean {
    return this.#checked.has(topic);
  }

  /** Rejects with a {@link ScheduleTopicError} where the topic is not compacted alone. Where nobody may ask, it is believed to be. */
  check(topic: string): Promise<void> {
    let check = this.#checks.get(topic);
    if (check === undefined) {
      check = this.#ask(topic);
      this.#checks.set(topic, check);
      // It may be mended, or a broker may have been away.
      check.catch(() => this.#checks.delete(topic));
    }
    return check;
  }

  async #ask(topic: string): Promise<void> {
    const policy = await cleanupPolicy(this.#admin(), topic).catch((error: unknown) => {
      throw namedError(error, "", topic);
    });
    if (policy !== undefined && policy !== "compact") throw new ScheduleTopicError(topic, policy);
    this.#checked.add(topic);
  }
}
