"""What stands against closing or archiving an account: asked of the rooms that know.

Money and positions are kept above this room. Each room registers what looks for its own; all are
asked within the transaction that closes the account, and lock what would change their answer.
"""

from collections.abc import Callable, Iterable

# In words, one a thing, each with what to do about it.
Obstacles = Callable[[int], Iterable[str]]
_obstacles: list[Obstacles] = []


def register_obstacles(of_user: Obstacles) -> Obstacles:
    """Once, when its room's app is ready."""
    _obstacles.append(of_user)
    return of_user


def obstacles_of(user_id: int) -> list[str]:
    """In the order of the rooms from the floor up."""
    return [words for of_user in _obstacles for words in of_user(user_id)]
