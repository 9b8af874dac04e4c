/**
 * Does its work whenever it is asked to, but never within itself: where the work brings it about that it is asked again, it
 * is done once more afterwards.
 */
export class Pump {
  readonly #work: () => void;
  #isRunning = false;
  #isWanted = false;

  constructor(work: () => void) {
    this.#work = work;
  }

  run(): void {
    this.#isWanted = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#isWanted) {
        this.#isWanted = false;
        this.#work();
      }
    } finally {
      this.#isRunning = false;
    }
  }
}
