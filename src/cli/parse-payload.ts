import { UsageError } from "./cli-error.ts";

/** The payload that a user wrote as JSON. Throws a {@link UsageError} for what is no JSON, or would not be kept as it is written. */
export function parsePayload(text: string): unknown {
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `the payload is no JSON (${shorten((error as Error).message)}): ${shorten(text)}\nQuote it for the shell, as '{"userId":7}'`,
    );
  }
  const withoutStrings = text.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  for (const [number] of withoutStrings.matchAll(/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g)) {
    const isKept = /^-?\d+$/.test(number) ? Number.isSafeInteger(Number(number)) : Number.isFinite(Number(number));
    if (!isKept)
      throw new UsageError(`the payload's ${number} is more than a number can hold exactly: make it a string`);
  }
  return payload;
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
