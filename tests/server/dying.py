"""`orgform serve` that kills itself, as by kill -9, when the answer to its n-th write is to go out: all is committed and nobody knows.

ORGFORM_TEST_DIES_AT=1 python -m tests.server.dying serve ...
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from orgform.cli import main
from orgform.server import serve
from orgform.server.observe import Observer

_application = serve.application


class Dying:
    def __init__(self, app: Any, at: int) -> None:
        self.app, self.left = app, at

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start" and scope["method"] != "GET":
                self.left -= 1
                if self.left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            await send(message)

        await self.app(scope, receive, sent)


def application(*args: Any, **options: Any) -> Observer:
    observer = _application(*args, **options)
    observer.app = Dying(observer.app, int(os.environ["ORGFORM_TEST_DIES_AT"]))
    return observer


if __name__ == "__main__":
    serve.application = application
    sys.exit(main())
