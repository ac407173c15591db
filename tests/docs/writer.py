"""Somebody who writes to a server all the time, and remembers what was acknowledged."""

from __future__ import annotations

import json
import threading
from http.client import HTTPConnection
from itertools import count
from types import TracebackType
from urllib.parse import urlsplit

PATIENCE = 60.0


class Writer:
    """Makes members one after another from `with` to the end of it; `done` are the keys that the server said it has."""

    def __init__(self, url: str, token: str) -> None:
        self.done: list[str] = []
        self.refused: list[str] = []
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
        self._more = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping = True
        self._thread.join()
        self._connection.close()

    def further(self, number: int) -> list[str]:
        """Waits until as many more are acknowledged; all that are by then."""
        with self._more:
            enough = len(self.done) + number
            assert self._more.wait_for(lambda: len(self.done) >= enough or self.refused, PATIENCE)
            assert self.refused == []
            return list(self.done)

    def _write(self) -> None:
        for n in count():
            if self._stopping or self.refused:
                return
            key = f"writer.{n:06d}@acme.com"
            self._connection.request("POST", "/v1/members", json.dumps({"key": key}), self._headers)
            answer = self._connection.getresponse()
            said = answer.read().decode()
            with self._more:
                (self.done if answer.status == 201 else self.refused).append(key if answer.status == 201 else said)
                self._more.notify_all()
