/** Why a group's coordinator refuses a request. `errorCode` is Kafka's own. */
export class GroupError extends Error {
  override readonly name = "GroupError";
  readonly errorCode: number;

  constructor(errorCode: number, message: string) {
    super(message);
    this.errorCode = errorCode;
  }
}

/** What `ask` gives, or the code of the {@link GroupError} that it throws. */
export function orErrorCode<T>(ask: () => T): T | number {
  try {
    return ask();
  } catch (error) {
    if (error instanceof GroupError) return error.errorCode;
    throw error;
  }
}
