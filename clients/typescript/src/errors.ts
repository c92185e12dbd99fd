/** What the exchange refuses, and what never reached it. */

export interface Refusal {
  message: string;
  code: string;
  field?: string;
  [detail: string]: unknown;
}

/** An answer that is no success. `code` is of the API's closed list; `field` names what is at fault. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: string;
  readonly field: string | undefined;

  constructor(
    readonly status: number,
    readonly body: Refusal,
    /** Seconds to wait before asking again, where the answer said so. */
    readonly retryAfterS: number | undefined,
  ) {
    super(body.message);
    this.code = body.code;
    this.field = body.field;
  }
}

/** No answer: nobody knows whether the request was carried out. Ids make it safe to send again. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/** Whether the same may be answered otherwise in a moment: a session that isn't renewed now is not over. */
export function isPassing(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status >= 500 || error.status === 429;
}

export async function refusalOf(response: Response): Promise<ApiError> {
  const retry = Number(response.headers.get("retry-after"));
  const body = await response.json().catch(() => null);
  return new ApiError(response.status, asRefusal(body, response.status), retry > 0 ? retry : undefined);
}

function asRefusal(body: unknown, status: number): Refusal {
  if (typeof body === "object" && body !== null && "message" in body && "code" in body) {
    return body as Refusal;
  }
  return { message: `The server answered ${status}.`, code: "UNKNOWN" };
}
