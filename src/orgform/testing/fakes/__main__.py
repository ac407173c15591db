"""`python -m orgform.testing.fakes NAME [--port N]`: a fake to try a config against by hand. It listens on loopback until it is ended.

NAME is a platform (`front`), or a module of your own that has `example()` (`orgform_acme_desk.fake`).
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from orgform.testing import fakes
from orgform.testing.platform import FakePlatform


def known() -> list[str]:
    """The platforms that have a fake here."""
    names = (m.name for m in pkgutil.iter_modules(fakes.__path__) if not m.name.startswith("_"))
    return sorted(name.replace("_", "-") for name in names if hasattr(_module(name), "example"))


def find(name: str) -> tuple[FakePlatform, str]:
    """The populated fake of that name, and what opens it. Raises `LookupError` with a sentence."""
    try:
        module = _module(name.replace("-", "_") if "." not in name else name)
        fake = module.example()
    except (ImportError, AttributeError) as error:
        raise LookupError(f"no fake is named {name!r}; there are {', '.join(known())}, or a module that has example()") from error
    own = (getattr(of, n, None) for of in (fake, getattr(fake, "quirks", None)) for n in ("token", "key"))
    words = (*own, *(getattr(module, n, None) for n in ("TOKEN", "KEY", "ADMIN")))
    return fake, next((w for w in words if isinstance(w, str) and w), "")


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m orgform.testing.fakes", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("name", metavar="NAME", help="a platform, or a module that has example()")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port on 127.0.0.1; a free one unless it is given")
    chosen = parser.parse_args(args)
    try:
        fake, opens = find(chosen.name)
    except LookupError as error:
        parser.error(str(error))
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    try:
        with fake.running(chosen.port):
            print(f"{chosen.name} listens on {fake.url}" + (f", its token is {opens}" if opens else ""), flush=True)
            over.wait()
    except OSError as error:
        parser.exit(1, f"cannot listen on port {chosen.port}: {error.strerror or error}\n")
    return 0


def _module(name: str) -> Any:
    return importlib.import_module(name if "." in name else f"{fakes.__name__}.{name}")


if __name__ == "__main__":
    sys.exit(main())
