import type { Lease } from "../client/lease.ts";

/** Asks for the lease before a start, and asks again for whoever did not get it once it is renewed. */
export class LeaseWait {
  readonly #lease: Lease;
  readonly #renewed: () => void;
  #isWaiting = false;

  constructor(lease: Lease, renewed: () => void) {
    this.#lease = lease;
    this.#renewed = renewed;
  }

  /** Whether a job may start now. `monotonic`: the clock, read just before. */
  isValidAt(monotonic: number): boolean {
    if (this.#lease.isValidAt(monotonic)) return true;
    if (!this.#isWaiting) {
      this.#isWaiting = true;
      this.#lease.onRenewal(() => {
        this.#isWaiting = false;
        this.#renewed();
      });
    }
    return false;
  }
}
