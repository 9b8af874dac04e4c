declare const prepared: unique symbol;

/** A job with its payload, for `performAllLater` and transactions. */
export interface PreparedJob {
  readonly [prepared]: true;
}
