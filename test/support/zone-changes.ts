/** Times at which the clocks of a zone were set on or back, by every kind of step that there has been. */
export interface ZoneChange {
  readonly zone: string;
  /** The first instant of the new time, ms since 1970. */
  readonly at: number;
}

const CHANGES: readonly (readonly [zone: string, at: string])[] = [
  ["Europe/Berlin", "2026-03-29T01:00:00Z"],
  ["Europe/Berlin", "2026-10-25T01:00:00Z"],
  ["America/New_York", "2026-03-08T07:00:00Z"],
  ["America/New_York", "2026-11-01T06:00:00Z"],
  // By half an hour.
  ["Australia/Lord_Howe", "2026-04-04T15:00:00Z"],
  ["Australia/Lord_Howe", "2026-10-03T15:30:00Z"],
  ["America/Caracas", "2007-12-09T07:00:00Z"],
  // By a quarter.
  ["Asia/Kathmandu", "1985-12-31T18:30:00Z"],
  // At midnight: from it, to it, over it.
  ["America/Sao_Paulo", "2018-02-18T02:00:00Z"],
  ["America/Sao_Paulo", "2018-11-04T03:00:00Z"],
  ["Africa/Cairo", "2024-04-25T22:00:00Z"],
  ["America/Nuuk", "2026-03-29T01:00:00Z"],
  ["Asia/Pyongyang", "2018-05-04T15:00:00Z"],
  ["America/Toronto", "1987-04-05T07:00:00Z"],
  // Two within a week. The first instant of what a zone reads at once.
  ["America/Recife", "2000-10-08T03:00:00Z"],
  ["America/Recife", "2000-10-15T02:00:00Z"],
  ["Africa/Cairo", "1992-10-01T00:00:00Z"],
  // By a day; by some hours, both ways.
  ["Pacific/Apia", "2011-12-30T10:00:00Z"],
  ["Pacific/Kwajalein", "1993-08-21T12:00:00Z"],
  ["Antarctica/Casey", "2009-10-17T18:00:00Z"],
  ["Antarctica/Casey", "2010-03-04T15:00:00Z"],
  ["Antarctica/Vostok", "1994-01-31T17:00:00Z"],
  ["Antarctica/Vostok", "1994-11-01T00:00:00Z"],
  // By minutes and seconds.
  ["Africa/Monrovia", "1972-01-07T00:44:30Z"],
];

export const ZONE_CHANGES: readonly ZoneChange[] = CHANGES.map(([zone, at]) => ({ zone, at: Date.parse(at) }));
