"""What a client asks, as values: bodies and query parameters, read strictly.

Invariant: whatever cannot be read is a problem that says where and what: malformed or ambiguous JSON is 400, JSON of another shape
422, a bad query parameter 400. Nothing here looks at the directory.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any, TypeVar

from orgform.codec import UNSET, DecodeError, Struct, UnsetType, decode, encode
from orgform.server.operations import Ask
from orgform.server.problems import Problem, bad_request, invalid, pointer
from orgform.server.store import time_text
from orgform.server.work import Caller

T = TypeVar("T")

_UNKNOWN = "Object contains unknown field `"
#: the decoder speaks of Python's types, clients know JSON's
_JSON_TYPES = {"str": "string", "int": "number", "float": "number", "bool": "boolean"}
_TYPE = re.compile(r"`\w+(?: \| \w+)*`")

LARGEST_PAGE = 1000
DEFAULT_PAGE = 100
LARGEST_BATCH = 1000


class Request(Struct, frozen=True):
    """A request without HTTP. `key` is the resource's, empty for its collection; `body` the raw bytes."""

    caller: Caller
    method: str
    collection: str = ""
    key: str = ""
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    if_match: str | None = None
    if_none_match: str | None = None
    idempotency_key: str | None = None

    @property
    def digest(self) -> str:
        """The same for the same request sent again, another one for every other request."""
        parts = [self.method, self.collection, self.key, self.if_match or ""]
        return hashlib.sha256(encode(parts) + b"\n" + self.body).hexdigest()


class NewBody(Struct, frozen=True, forbid_unknown_fields=True):
    key: str = ""
    attributes: dict[str, Any] = {}


class PatchBody(Struct, frozen=True, forbid_unknown_fields=True):
    attributes: dict[str, Any] = {}
    key: str | UnsetType = UNSET


class BatchBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`atomic`: either every operation is done, or none."""

    operations: list[Ask]
    atomic: bool = False


def operations_of(body: bytes) -> BatchBody:
    """The body of a batch. Raises a 413 problem where it holds too many operations."""
    asked = decoded(body, BatchBody)
    if len(asked.operations) > LARGEST_BATCH:
        raise Problem(413, "batch-too-large", f"a batch holds at most {LARGEST_BATCH} operations, not {len(asked.operations)}")
    return asked


def decoded(body: bytes, as_type: type[T]) -> T:
    """Malformed JSON is 400, JSON of another shape 422."""
    if not body:
        raise bad_request("json", "the body is empty; it is to be a JSON object")
    try:
        found: T = decode(body, as_type)
        _refuse_twins(body)
    except DecodeError as e:
        raise _shape_problem(e) from e
    except (RecursionError, ValueError) as e:
        raise bad_request("json", f"the body is not JSON: {e}") from e
    return found


def _refuse_twins(body: bytes) -> None:
    """A name that stands twice in an object: the decoder takes the last, and whoever let the request pass may have read the first."""
    _TWINS.decode(body.decode("utf-8"))


def _object(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            twice = next(name for i, name in enumerate(names) if name in names[:i])
            raise bad_request("json", f"the name {twice[:100]!r} stands twice in one object")


# Values are of no interest here: numbers stay text, and an object becomes nothing.
_TWINS = json.JSONDecoder(object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=str)


def _shape_problem(error: DecodeError) -> Problem:
    message = str(error)
    if type(error) is DecodeError:
        return bad_request("json", f"the body is not JSON: {message}")
    what, _, where = message.partition(" - at `$")
    # Below values of any type the path has only dots: `.attributes[...][...]`.
    at = where.partition("[...]")[0].rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
    if what.startswith(_UNKNOWN):
        name = what.removeprefix(_UNKNOWN).removesuffix("`")
        return invalid("shape", f"there is no field {name!r} here", at + pointer(name))
    return invalid("shape", _TYPE.sub(_in_json, what), at)


def _in_json(types: re.Match[str]) -> str:
    return re.sub(r"\w+", lambda word: _JSON_TYPES.get(word[0], word[0]), types[0])


def query_of(request: Request, *known: str) -> dict[str, str]:
    """The query as a dict; a parameter that is unknown or given twice is a 400."""
    found: dict[str, str] = {}
    for name, value in request.query:
        if name not in known:
            raise bad_request("query", f"there is no query parameter {name!r} here" + (f"; there are {', '.join(known)}" if known else ""))
        if name in found:
            raise bad_request("query", f"{name} is given twice")
        if "\0" in value:
            raise bad_request("query", f"{name} holds a character that cannot be in it")
        found[name] = value
    return found


def limit_of(query: dict[str, str]) -> int:
    text = query.get("limit", str(DEFAULT_PAGE))
    if not (is_number(text, 4) and 1 <= int(text) <= LARGEST_PAGE):
        raise bad_request("limit", f"limit is a number from 1 to {LARGEST_PAGE}")
    return int(text)


def is_number(text: str, digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= digits


def moment_of(query: dict[str, str], name: str) -> str | None:
    """A moment as the audit log writes it. Without a time zone it is UTC."""
    text = query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return time_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as e:
        plus = "; a + in a query is to be written %2B" if " " in text else ""
        raise bad_request(name, f"{name} is a day or a moment in ISO 8601 (2026-11-22T08:00:00Z), not {text!r}{plus}") from e
