"""JSON, MessagePack and plain structs. The only importer of msgspec, so that the codec can be changed in one place.

Invariant: `encode` gives the same bytes for equal values (keys sorted), which is what makes plans byte-equal and
fingerprints comparable.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import asdict, replace

__all__ = [
    "UNSET",
    "DecodeError",
    "Raw",
    "Struct",
    "UnsetType",
    "asdict",
    "decode",
    "decode_packed",
    "digest",
    "encode",
    "encode_packed",
    "encode_pretty",
    "field",
    "replace",
    "to_builtins",
]

T = TypeVar("T")

# Both "not JSON" and "JSON of another shape"; str() of it names the path ("Expected `int`, got `str` - at `$.version`").
DecodeError = msgspec.DecodeError
Raw = msgspec.Raw

_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_PACKER = msgspec.msgpack.Encoder()


def encode(value: object) -> bytes:
    """Compact JSON with sorted keys."""
    return _ENCODER.encode(value)


def encode_pretty(value: object) -> bytes:
    """JSON with sorted keys, two spaces of indent and a closing newline: what people and `git diff` read."""
    return msgspec.json.format(_ENCODER.encode(value), indent=2) + b"\n"


def decode(data: bytes | str, as_type: type[T] | Any = Any) -> T:
    """JSON to `as_type`; raises `DecodeError`."""
    if as_type is Any:  # most calls are for a few bytes: looking up the decoder would take longer than decoding
        found: T = _DECODER.decode(data)
        return found
    return msgspec.json.decode(data, type=as_type)


def encode_packed(value: object) -> bytes:
    """MessagePack, for caches: not ordered, not for people."""
    return _PACKER.encode(value)


def decode_packed(data: bytes | memoryview, as_type: type[T] | Any = Any) -> T:
    """MessagePack to `as_type`; raises `DecodeError`."""
    return msgspec.msgpack.decode(data, type=as_type)


def to_builtins(value: object) -> Any:
    """Structs to plain dicts and lists, as `encode` would write them."""
    return msgspec.to_builtins(value, order="deterministic")


def digest(value: object) -> str:
    """`sha256:` and 32 hex digits over the deterministic JSON of `value`."""
    return "sha256:" + hashlib.sha256(_ENCODER.encode(value)).hexdigest()[:32]
