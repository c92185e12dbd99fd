"""Where a mailed token is to be given."""

from django.conf import settings

from mails.secrets import SECRET


def link_words(page: str) -> str:
    """A link where the operator has pages for traders. Behind the #, so that no server's log and no
    referrer has it."""
    if not settings.PUBLIC_URL:
        return "Give this token to whatever asked for it."
    return f"Open {settings.PUBLIC_URL}/{page}#token={SECRET} or give the token there."
