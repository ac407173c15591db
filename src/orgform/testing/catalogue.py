"""The faults that everything which talks to a live system is put through, by name. What must hold under each is in docs/faults.md.

Invariant: every fault that the proxy knows is in one of these, and none of them takes longer than a few seconds where `max_wait` is short.
"""

from __future__ import annotations

from orgform.codec import encode
from orgform.testing.faults import (
    AnyFault,
    CursorLoops,
    Drip,
    EndlessPages,
    Fewer,
    Latency,
    Oversized,
    PageMissing,
    PageRepeats,
    Refused,
    Reset,
    Rule,
    Said,
    TotalIsWrong,
    Truncated,
    Typed,
)

LOGIN_PAGE = "<!doctype html><title>Sign in</title><p>Please sign in to the corporate network."
TEN_YEARS = "315360000"
ANOTHER = encode({"items": [{"key": "someone/else/entirely", "attributes": {}, "id": "x", "etag": "x"}], "next": None, "total": 1}).decode()

#: Whatever is asked: the answer does not come, or not as it should.
ANY: dict[str, AnyFault] = {
    "latency": Latency(0.05),
    "429 with seconds": Refused(429, retry_after="1"),
    "429 with a date": Refused(429, retry_date=2),
    "429 with a date that has passed": Refused(429, retry_date=-3600),
    "429 with ten years": Refused(429, retry_after=TEN_YEARS),
    "429 with a negative wait": Refused(429, retry_after="-5"),
    "429 with nonsense": Refused(429, retry_after="soon, I promise"),
    "500": Refused(500),
    "502": Refused(502, body="<h1>Bad Gateway</h1>", content_type="text/html"),
    "503": Refused(503, retry_after="0"),
    "reset before it acted": Reset(acted=False),
    "reset after it acted": Reset(acted=True),
    "500 after it acted": Refused(500, acted=True),
    "502 after it acted": Refused(502, acted=True),
    "truncated": Truncated(),
    "truncated without a sign": Truncated(announced=False),
    "truncated to nothing": Truncated(share=0, announced=False),
    "a wrong content type": Typed("text/plain"),
    "no content type": Typed(""),
    "a login page": Said(LOGIN_PAGE, content_type="text/html"),
    "a login page after it acted": Said(LOGIN_PAGE, content_type="text/html", acted=True),
    "a login page that says it is JSON": Said(LOGIN_PAGE),
    "JSON of something else": Said('{"status": "ok"}'),
    "null": Said("null"),
    "too large": Oversized(65),
    "too large when it is unpacked": Oversized(65, packed=True),
    "slow drip": Drip(0.0005),
}
#: Of list answers.
PAGES: dict[str, AnyFault] = {
    "a page repeats": PageRepeats(),
    "a page is missing": PageMissing(),
    "the rest is missing": PageMissing(rest=True),
    "a cursor loops": CursorLoops(),
    "pages without end": EndlessPages(),
    "a total too large": TotalIsWrong(1),
    "a total too small": TotalIsWrong(-1),
    "another company's answer": Said(ANOTHER),
    "an empty page and no total": Said('{"items": []}'),
}


def reading(fault: AnyFault, *, once: bool = False) -> tuple[Rule, ...]:
    """Reads meet the fault, each or only the second; lists come in small pages."""
    return (Rule(Fewer(2), "GET"), Rule(fault, "GET", nth=(2,) if once else ()))


def writing(fault: AnyFault, *, once: bool = False) -> tuple[Rule, ...]:
    """Writes meet the fault, each or only the first; reads pass."""
    return (Rule(fault, "[!G]*", nth=(1,) if once else ()),)


#: name -> rules under which a read gives the whole truth or says that it does not.
READS: dict[str, tuple[Rule, ...]] = {
    **{name: reading(fault) for name, fault in {**ANY, **PAGES}.items()},
    **{f"{name}, once": reading(fault, once=True) for name, fault in {**ANY, **PAGES}.items()},
}
#: name -> rules under which a write is done once, not at all, or says that it does not know.
WRITES: dict[str, tuple[Rule, ...]] = {
    **{name: writing(fault) for name, fault in ANY.items()},
    **{f"{name}, once": writing(fault, once=True) for name, fault in ANY.items()},
}
