"""An operator of a running exchange, in a browser."""

import httpx

from tests.patience import PATIENCE_S


class Operator:
    """In a browser: everything over HTTP, for the worker must see what was written."""

    def __init__(self, url: str, session: str) -> None:
        self._http = httpx.Client(base_url=url, cookies={"sessionid": session}, timeout=PATIENCE_S)

    def get(self, path: str) -> str:
        answer = self._http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, path: str, **said: str) -> str:
        """Where the answer leads."""
        self.get(path)
        token = self._http.cookies["csrftoken"]
        answer = self._http.post(path, data={**said, "csrfmiddlewaretoken": token})
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]
