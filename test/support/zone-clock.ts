/** What a zone's clock shows at an instant of whole seconds, ms as if it were UTC: as `Intl` says, part by part. */
export type ZoneClock = (ms: number) => number;

export function zoneClock(timeZone: string): ZoneClock {
  const format = new Intl.DateTimeFormat("en-GB", {
    ...{ timeZone, hourCycle: "h23", calendar: "gregory" },
    ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" },
  });
  return (ms) => {
    const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const { type, value } of format.formatToParts(ms)) part[type] = Number(value);
    return Date.UTC(part.year!, part.month! - 1, part.day, part.hour, part.minute, part.second);
  };
}
