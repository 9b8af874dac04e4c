let lastTime = Number.NaN;
let lastText = "";

/** A time (ms since 1970) in ISO 8601. Many enqueues share a millisecond, and making the text takes longer than the rest of the headers. */
export function isoTime(ms: number): string {
  if (ms !== lastTime) {
    lastText = new Date(ms).toISOString();
    lastTime = ms;
  }
  return lastText;
}
