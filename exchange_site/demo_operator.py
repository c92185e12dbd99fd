"""The demo's operator: made on the first start, with a password of this installation's own."""

import os
import secrets
from pathlib import Path

from accounts.models import User

USERNAME = "operator"


def ensure_operator(password_file: Path) -> str | None:
    """Its password; None when it is known only to whoever changed it since."""
    user = User.objects.filter(username=USERNAME).first()
    known = password_file.read_text().strip() if password_file.exists() else None
    if user is not None:
        return known if known and user.check_password(known) else None
    password = secrets.token_urlsafe(12)
    # The file first: an operator whose password nobody knows can't be repaired by a second start.
    password_file.unlink(missing_ok=True)
    descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password + "\n")
    User.objects.create_superuser(username=USERNAME, password=password)
    return password
