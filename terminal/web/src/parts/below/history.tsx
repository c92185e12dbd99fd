/** Lists of the past: newest first, in pages, by market and day, as a file. */

import { useEffect, useRef, useState } from "preact/hooks";
import { spanOf } from "../../lib/days.ts";
import { heardCount } from "../../state/account.ts";
import { seen } from "../../state/site.ts";
import { tell, tellError } from "../../state/toasts.ts";
import { Filters, NO_FILTER, type Filter, type OwnWords } from "./filters.tsx";
import { csvOf, download, Table, type Column } from "./table.tsx";

export interface Page<T> {
  rows: T[];
  nextCursor: string | null;
}

/** What every list of the past takes. */
export interface Asked {
  limit: number;
  cursor?: string;
  marketId?: string;
  from?: number;
  to?: number;
}

interface Props<T> {
  name: string;
  columns: Column<T>[];
  own?: OwnWords;
  /** `word` is of the list's own; "" for all. */
  read: (asked: Asked, word: string) => Promise<Page<T>>;
  rowKey: (row: T) => string | number;
  empty: string;
  /** False where days can't be asked for. */
  isDated?: boolean;
  /** Rows are read anew at once as it changes. */
  changes?: number;
}

/** Rows of what was heard just now follow within moments. */
const READ_AFTER_MS = 800;
const LIMIT = 50;
const [FILE_LIMIT, FILE_ROWS] = [500, 10_000];

function asked(filter: Filter, limit: number, cursor: string | null): Asked {
  const found: Asked = { limit, ...spanOf(filter.first, filter.last) };
  if (cursor !== null) found.cursor = cursor;
  if (filter.market !== "") found.marketId = filter.market;
  return found;
}

export function History<T>(props: Props<T>) {
  const { name, columns, own, read, rowKey, empty, isDated = true, changes = 0 } = props;
  const [rows, setRows] = useState<T[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [wrong, setWrong] = useState("");
  const [filter, setFilter] = useState(NO_FILTER);
  const [isWriting, setWriting] = useState(false);
  const heard = heardCount.value;
  const counted = useRef(changes);
  const page = (limit: number, cursor: string | null) => read(asked(filter, limit, cursor), filter.word);
  useEffect(() => {
    let isGone = false;
    const first = () =>
      page(LIMIT, null).then(
        (found) => {
          if (isGone) return;
          setRows(found.rows);
          setNext(found.nextCursor);
          setWrong("");
        },
        (error: unknown) => !isGone && setWrong((error as Error).message),
      );
    const isOwnDoing = changes !== counted.current;
    counted.current = changes;
    const timer = setTimeout(() => void first(), rows === null || isOwnDoing ? 0 : READ_AFTER_MS);
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, [heard, filter, changes]);
  const more = async () => {
    if (next === null) return;
    try {
      const found = await page(LIMIT, next);
      setRows([...(rows ?? []), ...found.rows]);
      setNext(found.nextCursor);
    } catch (error) {
      setWrong((error as Error).message);
    }
  };
  const write = async () => {
    setWriting(true);
    try {
      await save(name, columns, page);
    } catch (error) {
      tellError("No file was made", error);
    }
    setWriting(false);
  };
  return (
    <>
      <div class="list-tools">
        <Filters
          filter={filter}
          own={own}
          isDated={isDated}
          change={(chosen) => {
            setRows(null);
            setFilter(chosen);
          }}
        />
        {rows !== null && rows.length > 0 && !seen && (
          <button type="button" class="small" disabled={isWriting} onClick={() => void write()}>
            {isWriting ? "Reading…" : "CSV"}
          </button>
        )}
      </div>
      {wrong !== "" && <p class="form-error pad">{wrong}</p>}
      {wrong === "" && rows === null && <div class="loading">Loading…</div>}
      {wrong === "" && rows !== null && (
        <Table
          label={name}
          columns={columns}
          rows={rows}
          rowKey={rowKey}
          empty={filter === NO_FILTER ? empty : "Nothing of that kind."}
        />
      )}
      {wrong === "" && next !== null && (
        <button type="button" class="small more" onClick={() => void more()}>
          Older
        </button>
      )}
    </>
  );
}

/** All that the filter leaves, up to a size that a browser holds with ease. */
async function save<T>(
  name: string,
  columns: Column<T>[],
  page: (limit: number, cursor: string | null) => Promise<Page<T>>,
): Promise<void> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const one: Page<T> = await page(FILE_LIMIT, cursor);
    found.push(...one.rows);
    cursor = one.nextCursor;
  } while (cursor !== null && found.length < FILE_ROWS);
  download(`${name.toLowerCase().replaceAll(" ", "-")}.csv`, csvOf(columns, found));
  const isCut = cursor !== null;
  tell("good", `${found.length} rows as CSV`, isCut ? "There are older ones: choose days to get them." : "");
}
