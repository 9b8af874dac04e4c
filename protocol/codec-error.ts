/** What both directions' errors share: the path to the field at fault, built from the inside out. */
export abstract class CodecError extends Error {
  abstract readonly code: string;
  /** The same bytes or values give the same error again. */
  readonly retriable = false;
  readonly #detail: string;
  #path = "";

  constructor(detail: string) {
    super(detail);
    this.#detail = detail;
  }

  /** Puts `name` before the path, as `topics.partitions.records: …`. */
  within(name: string): this {
    this.#path = this.#path === "" ? name : `${name}.${this.#path}`;
    this.message = `${this.#path}: ${this.#detail}`;
    return this;
  }
}
