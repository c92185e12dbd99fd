/** What a call answers, as a part of the page that is read when it is shown. */

import { useEffect, useState } from "preact/hooks";

export interface Answer<T> {
  value: T | null;
  /** Why it could not be read. */
  wrong: string;
  again: () => void;
}

export function useAnswer<T>(ask: () => Promise<T>): Answer<T> {
  const [value, setValue] = useState<T | null>(null);
  const [wrong, setWrong] = useState("");
  const again = () =>
    void ask().then(
      (answer) => {
        setValue(answer);
        setWrong("");
      },
      (error: unknown) => setWrong((error as Error).message),
    );
  useEffect(again, []);
  return { value, wrong, again };
}

const AGAIN_MS = 3_000;

/** For what changes by itself while somebody looks: transfers on their way. */
export function useLive<T>(ask: () => Promise<T>): Answer<T> {
  const answer = useAnswer(ask);
  useEffect(() => {
    const timer = setInterval(answer.again, AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  return answer;
}
