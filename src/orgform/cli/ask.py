"""Questions on a terminal; without one there is nobody to ask."""

from __future__ import annotations

from collections.abc import Callable

from orgform.cli.output import Screen
from orgform.cli.progress import Watch


def secret_question(screen: Screen, watch: Watch) -> Callable[[str], bool] | None:
    """Asks whether a secret may go where the question says; `None` where nobody can answer."""
    if not screen.interactive:
        return None

    def ask(question: str) -> bool:
        from orgform.render.words import clean

        watch.pause()
        return screen.ask(f"{clean(question)}\nType yes to allow: ")

    return ask
