/** What happened in a run, line by line, and a digest of it: two runs with one digest went the same way. */
export class Trace {
  readonly lines: string[] | undefined;
  #low = 0x811c_9dc5;
  #high = 0x1000_0193;
  #count = 0;

  /** `keeps`: whether the lines themselves are wanted. */
  constructor(keeps: boolean) {
    this.lines = keeps ? [] : undefined;
  }

  add(line: string): void {
    this.#count++;
    this.lines?.push(line);
    for (let i = 0; i < line.length; i++) {
      // FNV-1a and a multiplication by another odd number: enough to tell two runs apart.
      const code = line.charCodeAt(i);
      this.#low = Math.imul(this.#low ^ code, 0x0100_0193);
      this.#high = Math.imul(this.#high ^ code, 0x5bd1_e995);
    }
  }

  get digest(): string {
    return `${this.#count}-${hex(this.#high)}${hex(this.#low)}`;
  }
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
