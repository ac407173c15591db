"""What the fuzz tests share: how many examples, how long each may take, and bytes that are nearly right."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

#: The same examples every time; `AT_LENGTH` goes on at random.
FEW = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
AT_LENGTH = settings(FEW, max_examples=int(os.environ.get("ORGFORM_FUZZ", "20000")), derandomize=False)


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """What takes longer has hung: it is interrupted, and fails with the place where it was."""

    def late(*_: Any) -> None:
        raise AssertionError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def mutated(good: Sequence[bytes], pieces: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """One of `good` with a few things cut out, put in, doubled or swapped."""

    @st.composite
    def mutation(draw: st.DrawFn) -> bytes:
        data = draw(st.sampled_from(list(good)))
        for _ in range(draw(st.integers(1, 4))):
            begin = draw(st.integers(0, len(data)))
            end = min(len(data), begin + draw(st.integers(0, 30)))
            other = draw(st.integers(0, len(data)))
            put = draw(
                st.one_of(pieces, st.binary(max_size=4), st.just(data[other : other + 30]), st.just(data[begin:end] * 2), st.just(b""))
            )
            data = data[:begin] + put + data[end:]
        return data

    return mutation()
