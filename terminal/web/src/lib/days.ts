/** Days as date fields have them, in the browser's own time zone. */

/** Midnight of a day, or of so many after it; nothing where none is named. */
export function midnight(day: string, plusDays = 0): number | undefined {
  if (day === "") return undefined;
  const date = new Date(`${day}T00:00:00`);
  date.setDate(date.getDate() + plusDays);
  return date.getTime();
}

/** As lists take it: from the first day on, and all of the last one. */
export function spanOf(first: string, last: string): { from?: number; to?: number } {
  const [from, to] = [midnight(first), midnight(last, 1)];
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}
