import { ErrorCode } from "../../protocol/errors.ts";

/** The number of an error that is given by Kafka's name for it. Throws a `RangeError` where there is none. */
export function errorCodeNamed(name: string): number {
  if (Object.hasOwn(ErrorCode, name)) return ErrorCode[name as keyof typeof ErrorCode];
  throw new RangeError(`Kafka has no error ${JSON.stringify(name)}: a name as "NOT_ENOUGH_REPLICAS" is expected`);
}
