"""Folders, as they are set."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def folder(name: str, path: str) -> Path:
    """Whole, so that it is one place wherever a process was started from. It need not be there.
    Raises ImproperlyConfigured for what can't be a folder."""
    found = Path(path)
    try:
        if found.exists() and not found.is_dir():
            raise ImproperlyConfigured(f"{name} must be a folder, and {path} is a file.")
        return found.resolve()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no path"
        raise ImproperlyConfigured(
            f"{name} names {path}, which can't be reached: {why}."
        ) from error
