/** Lists of the past: newest first, in pages, as a file. */

import { useEffect, useState } from "preact/hooks";
import { heardCount } from "../../state/account.ts";
import { csvOf, download, Table, type Column } from "./table.tsx";

export interface Page<T> {
  rows: T[];
  nextCursor: string | null;
}

interface Props<T> {
  name: string;
  columns: Column<T>[];
  read: (cursor: string | undefined) => Promise<Page<T>>;
  rowKey: (row: T) => string | number;
  empty: string;
}

/** Rows of what was heard just now follow within moments. */
const READ_AFTER_MS = 800;

export function History<T>({ name, columns, read, rowKey, empty }: Props<T>) {
  const [rows, setRows] = useState<T[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [wrong, setWrong] = useState("");
  const heard = heardCount.value;
  useEffect(() => {
    let isGone = false;
    const first = () =>
      read(undefined).then(
        (page) => {
          if (isGone) return;
          setRows(page.rows);
          setNext(page.nextCursor);
          setWrong("");
        },
        (error: unknown) => !isGone && setWrong((error as Error).message),
      );
    const timer = setTimeout(() => void first(), rows === null ? 0 : READ_AFTER_MS);
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, [heard]);
  const more = async () => {
    if (next === null) return;
    try {
      const page = await read(next);
      setRows([...(rows ?? []), ...page.rows]);
      setNext(page.nextCursor);
    } catch (error) {
      setWrong((error as Error).message);
    }
  };
  if (wrong !== "") return <p class="form-error">{wrong}</p>;
  if (rows === null) return <div class="loading">Loading…</div>;
  return (
    <>
      {rows.length > 0 && (
        <div class="list-tools">
          <button
            type="button"
            class="small"
            onClick={() => download(`${name.toLowerCase()}.csv`, csvOf(columns, rows))}
          >
            CSV of these {rows.length}
          </button>
        </div>
      )}
      <Table label={name} columns={columns} rows={rows} rowKey={rowKey} empty={empty} />
      {next !== null && (
        <button type="button" class="small more" onClick={() => void more()}>
          Older
        </button>
      )}
    </>
  );
}
