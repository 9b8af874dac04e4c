import { ends, type Plan } from "./plan.ts";

/** How often each job has failed, how far each has got, and what about that cannot be. */
export class RunBook {
  readonly problems: string[] = [];
  readonly #failures = new Map<number, number>();
  /** Rows that anybody has done, from the first one on. */
  readonly #rows = new Map<number, number>();
  readonly #ended = new Set<number>();

  /** Whether the run that has come to its end fails. */
  fails(plan: Plan): boolean {
    const failed = this.#failures.get(plan.n) ?? 0;
    this.#failures.set(plan.n, failed + 1);
    return ends(plan) === "never" || failed < plan.fails!;
  }

  /** A run begins with this row: what is saved is not done again, and what nobody has done is not passed over (S8.8). */
  resumes(n: number, row: number, saved: number): void {
    if (row < saved) this.problems.push(`S8.8 job ${n} resumes at row ${row}, and ${saved} were saved`);
    const done = this.#rows.get(n) ?? 0;
    if (row > done) this.problems.push(`S7.7 job ${n} resumes at row ${row}, and ${done} were done`);
  }

  did(n: number, row: number): void {
    this.#rows.set(n, Math.max(this.#rows.get(n) ?? 0, row + 1));
  }

  /** A run has got to its end, and the job with it. */
  ended(n: number): void {
    this.#ended.add(n);
  }

  rows(n: number): number {
    return this.#rows.get(n) ?? 0;
  }

  hasEnded(n: number): boolean {
    return this.#ended.has(n);
  }
}
