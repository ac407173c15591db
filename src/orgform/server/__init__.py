"""The admin API: a directory of companies behind HTTP, on SQLite or PostgreSQL. The same application for `provider: local` and a server.

Importing this package imports nothing heavy; `create_app` and `Store` are imported on use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orgform.server.app import create_app
    from orgform.server.store import Store, StoreError
    from orgform.server.work import Caller

__all__ = ["Caller", "Store", "StoreError", "create_app"]

_WHERE = {"create_app": "app", "Caller": "work", "Store": "store", "StoreError": "store"}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"orgform.server.{_WHERE[name]}"), name)
