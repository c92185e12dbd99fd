"""Starting, looking at, pausing, resuming and ending algos. All of them may be repeated."""

from collections.abc import Sequence

from exchange_client.calls.call import Call, path_of, query_of
from exchange_client.models import algos as models
from exchange_client.models.algos import NewAlgo


def start_algo(new: NewAlgo) -> Call[models.Algo]:
    return Call("POST", "/algos", models.Algo, body=new)


def algo(algo_id: int) -> Call[models.Algo]:
    return Call("GET", path_of("/algos/{}", algo_id), models.Algo)


def algos(
    *,
    state: str | Sequence[str] | None = None,
    kind: str | Sequence[str] | None = None,
    market_id: str | None = None,
    client_algo_id: str | None = None,
    limit: int | None = None,
) -> Call[models.Algos]:
    query = query_of(
        state=state, kind=kind, market_id=market_id, client_algo_id=client_algo_id, limit=limit
    )
    return Call("GET", "/algos", models.Algos, query)


def pause_algo(algo_id: int) -> Call[models.Algo]:
    """Of a TWAP: no further slice until it is resumed."""
    return Call("POST", path_of("/algos/{}/pause", algo_id), models.Algo)


def resume_algo(algo_id: int) -> Call[models.Algo]:
    """It ends later by as long as it was paused."""
    return Call("POST", path_of("/algos/{}/resume", algo_id), models.Algo)


def end_algo(algo_id: int) -> Call[models.Algo]:
    """Sends no further slice, and cancels its open orders. One that has ended is refused with
    `ALGO_NOT_LIVE`, also where a first try ended it whose answer was lost."""
    return Call("DELETE", path_of("/algos/{}", algo_id), models.Algo)
