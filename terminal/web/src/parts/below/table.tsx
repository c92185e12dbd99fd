/** Rows with their columns; the first column names the row. */

import type { ComponentChildren } from "preact";

export interface Column<T> {
  name: string;
  cell: (row: T) => ComponentChildren;
  /** What a file has of it, if anything. */
  text?: (row: T) => string | number | null;
  isNumber?: boolean;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  key: (row: T) => string | number;
  empty: string;
}

export function Table<T>({
  label,
  columns,
  rows,
  empty,
  rowKey,
}: Omit<Props<T>, "key"> & { rowKey: Props<T>["key"] }) {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    <table class="rows" aria-label={label}>
      <thead>
        <tr>
          {columns.map(({ name, isNumber }) => (
            <th key={name} scope="col" class={isNumber ? "number" : ""}>
              {name || <span class="hidden">Actions</span>}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={rowKey(row)}>
            {columns.map(({ name, cell, isNumber }, index) =>
              index === 0 ? (
                <th key={name} scope="row">
                  {cell(row)}
                </th>
              ) : (
                <td key={name} data-name={name} class={isNumber ? "number" : ""}>
                  {cell(row)}
                </td>
              ),
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Spreadsheets take what begins with these for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

export function csvOf<T>(columns: Column<T>[], rows: T[]): string {
  const kept = columns.filter(({ text }) => text !== undefined);
  const quoted = (value: string | number | null | undefined) => {
    const text = value === null || value === undefined ? "" : String(value);
    const isPlain = /^-?\d+(\.\d+)?$/.test(text);
    const safe = !isPlain && FORMULA.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = [
    kept.map(({ name }) => quoted(name)),
    ...rows.map((row) => kept.map(({ text }) => quoted(text?.(row)))),
  ];
  return lines.map((line) => line.join(",")).join("\r\n");
}

export function download(name: string, text: string, type = "text/csv"): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
