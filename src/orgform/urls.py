"""What a URL says of where it leads, and how one may be shown.

Invariant: nothing here raises, whatever text comes, and what `without_password` gives holds no user, password or query.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_STANDARD_PORTS = {"http": 80, "https": 443}
#: in running text, up to the last @ of a word: a password may hold what should have been escaped
_PASSWORD_IN_TEXT = re.compile(r"(://[^/\s:@?#]*):\S+@")
#: what stands for a port and is none: a password before an @ that was forgotten
_NO_PORT = re.compile(r"^([^/:\[\]]*):(?!\d{0,5}(?:[/,]|$))[^/]*")
_MASKED_PORT = r"\1:***"
_AT_IN_QUERY = re.compile(r"[?&#][\w.-]+=[^&]*@")


def origin_of(url: str) -> str:
    """Scheme, host and port in one spelling; the standard port is left out. What is no URL is given back as it is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if not parts.scheme or not parts.hostname:
        return url
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown = "" if port in (None, _STANDARD_PORTS.get(parts.scheme)) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def without_password(url: str) -> str:
    """A URL as people may see it: scheme, host and path. Text without `://` is no URL and comes back as it is."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    # An @ in a query may be a part of a password there: which side of it is secret cannot be told.
    place = "***" if _AT_IN_QUERY.search(rest) else re.split(r"[?#]", rest.rpartition("@")[2])[0]
    return f"{scheme}://{_NO_PORT.sub(_MASKED_PORT, place)}"


def mask_passwords(text: str) -> str:
    """Running text with the passwords of all URLs in it masked."""
    return _PASSWORD_IN_TEXT.sub(r"\1:***@", text) if "://" in text else text
