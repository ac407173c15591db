"""Formats of single values: slug, name, e-mail, FQDN, date, time zone, currency. Used by config and by the admin API.

Invariant: `normalise` is idempotent, and of two spellings that name the same thing it makes one string; `check` answers for the
normalised and for the written spelling alike. Common values take a regular expression; libraries are asked only about the rest.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from orgform.codec import Struct

FORMATS = ("slug", "name", "email", "fqdn", "fqdn-owned", "date", "timezone", "currency")

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_FQDN = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?", re.ASCII)
_LOCAL = r"[a-z0-9!#$%&'*+=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+=?^_`{|}~-]+)*"
_EMAIL = re.compile(rf"(?P<local>{_LOCAL})@(?P<domain>(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?)", re.ASCII)
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
# C0 and C1 controls, and what turns the direction of text around or hides in it: a name must look like what it is.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
# What has no width and no shape in a word, besides the above: joiners, fillers, variation selectors, tags.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)


class Problem(Struct, frozen=True):
    """What is wrong with a value. `suggestion` is the value that was probably meant, or empty."""

    code: str
    summary: str
    fix: str
    suggestion: str = ""


def check(format: str, value: str) -> Problem | None:
    """None where `value` is a good one of `format`; formats that are not known here are not judged."""
    checker = _CHECKS.get(format)
    return checker(value) if checker else None


def plain(format: str) -> Callable[[str], object] | None:
    """A fast test that is true only for values that are good and have their normal spelling; None where there is no such test."""
    return _plain_email if format == "email" else _SLUG.fullmatch if format == "slug" else None


def normalise(format: str, value: str) -> str:
    """The one spelling by which values are compared: composed characters (NFC), e-mails in lower case, FQDN in lower-case IDNA; what
    cannot be is left as it is.
    """
    if format == "email":
        return _normal_email(value)
    if format in ("fqdn", "fqdn-owned"):
        return _normal_fqdn(value)
    return composed(value)


def composed(value: str) -> str:
    """The text in NFC: `é` is one character, however it was typed."""
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def _lower(value: str) -> str:
    """Lower case that keeps different names apart: case folding would make one of `straße` and `strasse`."""
    if value.isascii():
        return value.lower()
    return composed(composed(value).lower().replace("\u03c2", "\u03c3"))  # a final sigma is a sigma, wherever it stands


def _normal_email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    return f"{_lower(local)}{at}{_normal_fqdn(domain)}" if at else _lower(value)


def _normal_fqdn(value: str) -> str:
    lower = value.lower() if value.isascii() else composed(composed(value).lower())
    if lower.endswith(".") and not lower.endswith(".."):
        lower = lower[:-1]
    if lower.isascii():
        return lower
    import idna

    try:
        return idna.encode(lower, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return lower


def _plain_email(value: str) -> bool:
    return _EMAIL.fullmatch(value) is not None and len(value) <= 64


def _check_slug(value: str) -> Problem | None:
    if _SLUG.fullmatch(value):
        return None
    suggestion = re.sub(r"[^A-Za-z0-9._-]+", "-", value).strip("-._")[:100]
    return Problem(
        "ORG206",
        f"{_shown(value)} is no valid key",
        "use letters, digits, `.`, `_` and `-`, beginning with a letter or digit, at most 100 characters"
        + (f", for example `{suggestion}`" if suggestion else ""),
        suggestion,
    )


def _check_name(value: str) -> Problem | None:
    if not value.strip():
        return Problem("ORG206", "a name may not be empty", "write a name")
    if CONTROL.search(value):
        return Problem("ORG021", f"{_shown(value)} has a control character", "write it without control characters, on one line")
    if "/" in value:
        suggestion = value.replace("/", "-")
        return Problem(
            "ORG206", f"{_shown(value)} has a `/`, which separates the parts of an address", f"for example `{suggestion}`", suggestion
        )
    if value != value.strip():
        return Problem("ORG206", f"{_shown(value)} begins or ends with a space", f"write `{value.strip()}`", value.strip())
    if len(value) > 200:
        return Problem("ORG206", f"{_shown(value)} is longer than 200 characters", "use a shorter one")
    return None


def _check_email(value: str) -> Problem | None:
    match = _EMAIL.fullmatch(value) or _EMAIL.fullmatch(value.lower())
    if match and len(match["local"]) <= 64 and len(value) <= 254:
        return None
    return _judge_email(value)


@lru_cache(maxsize=10_000)
def _judge_email(value: str) -> Problem | None:
    from email_validator import EmailNotValidError, validate_email

    if "/" in value:
        return Problem("ORG207", f"{_shown(value)} has a `/`, which separates the parts of an address", "use an address without one")
    if len(value.rpartition("@")[0]) > 64:
        return Problem("ORG207", f"{_shown(value)} is no e-mail address", "at most 64 characters may stand before the `@`")
    try:
        validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        fix = f"{str(error).rstrip('.')}. Write it like `alice@acme.com`"
        return Problem("ORG207", f"{_shown(value)} is no e-mail address", fix, _mended_email(value))
    return _looks_like_another(value)


def _looks_like_another(email: str) -> Problem | None:
    """An address that nobody can tell from another one by looking: in a plan, it would pass for that one."""
    if hidden := _UNSEEN.search(email):
        plain = _UNSEEN.sub("", email)
        why = f"has the character U+{ord(hidden.group()):04X}, which nobody can see"
        return Problem("ORG207", f"{_shown(plain)} {why}", f"write `{plain}`", plain)
    for word in re.findall(r"[^\W\d_]+", email.rpartition("@")[0]):
        scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word}
        mixed = sorted(scripts & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})
        if len(mixed) > 1:
            told = " and ".join(script.title() for script in mixed)
            return Problem("ORG207", f"{_shown(email)} mixes {told} letters, which look alike", f"write `{word}` in one alphabet")
    return None


def _mended_email(value: str) -> str:
    guess = re.sub(r"\s+", "", value.removeprefix("mailto:")).strip("<>.,;").replace("@@", "@").replace("..", ".")
    return guess if guess != value and _EMAIL.fullmatch(guess.lower()) else ""


def _check_fqdn(value: str) -> Problem | None:
    normal = _normal_fqdn(value)
    if _FQDN.fullmatch(normal) and len(normal) <= 253 and _decodes(normal):
        return None
    host = re.sub(r"^[a-z]+://", "", normal).partition("/")[0].partition(":")[0].rpartition("@")[2]
    suggestion = host if host != normal and _FQDN.fullmatch(host) else ""
    return Problem("ORG208", f"{_shown(value)} is no domain name", f"write it like `{suggestion or 'acme.com'}`", suggestion)


def _decodes(domain: str) -> bool:
    """Whether what claims to be punycode is."""
    if "xn--" not in domain:
        return True
    import idna

    try:
        idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return False
    return True


def _check_owned(value: str) -> Problem | None:
    problem = _check_fqdn(value)
    if problem:
        return problem
    domain = _normal_fqdn(value)
    if domain in _lines("consumer_domains.txt"):
        return Problem(
            "ORG210",
            f"{_shown(value)} belongs to a consumer mail service",
            "declare a domain that the company owns; people there can still be members",
        )
    if _is_public_suffix(domain):
        return Problem(
            "ORG209",
            f"{_shown(value)} is a public suffix: names below it belong to many owners",
            f"declare the company's own name, like `acme.{value}`",
        )
    return None


@lru_cache(maxsize=1000)
def _is_public_suffix(domain: str) -> bool:
    """The library takes 50 ms to read its list, so it is asked only where a plain search of the list finds the name."""
    import idna

    shown = idna.decode(domain) if "xn--" in domain else domain
    rules = (_folder("publicsuffixlist") / "public_suffix_list.dat").read_bytes()
    parent = shown.partition(".")[2]
    if not any(f"\n{rule}\n".encode() in rules for rule in (shown, f"*.{parent}")):
        return False
    from publicsuffixlist import PublicSuffixList

    return bool(PublicSuffixList().publicsuffix(domain) == domain)


def _check_date(value: str) -> Problem | None:
    fix = "write the day as YYYY-MM-DD, like `2027-01-31`"
    if not _DATE.fullmatch(value):
        return Problem("ORG213", f"{_shown(value)} is no date", fix, _mended_date(value))
    try:
        date.fromisoformat(value)
    except ValueError:
        return Problem("ORG213", f"there is no day {value}", fix)
    return None


def _mended_date(value: str) -> str:
    match = re.fullmatch(r"([0-9]{4})[-/.]?([0-9]{1,2})[-/.]?([0-9]{1,2})(?:[T ].*)?", value, re.ASCII)
    guess = f"{match[1]}-{int(match[2]):02}-{int(match[3]):02}" if match else ""
    return guess if guess and _check_date(guess) is None else ""


def _check_timezone(value: str) -> Problem | None:
    zones = time_zones()
    if value in zones:
        return None
    lower = {zone.lower(): zone for zone in zones}
    close = lower.get(value.lower().replace(" ", "_")) or next(iter(get_close_matches(value, zones, 1)), "")
    close = close or next((zone for zone in sorted(zones) if zone.lower().endswith("/" + value.lower().replace(" ", "_"))), "")
    fix = f"did you mean `{close}`?" if close else "use a name of the IANA time zone database, like `Europe/Berlin` or `UTC`"
    return Problem("ORG211", f"there is no time zone {_shown(value)}", fix, close)


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """The names in the IANA database as the tzdata package ships it, so that every machine agrees."""
    return frozenset((_folder("tzdata") / "zones").read_text(encoding="utf-8").split())


def _check_currency(value: str) -> Problem | None:
    codes = _lines("currencies.txt")
    if value in codes:
        return None
    close = value.upper() if value.upper() in codes else next(iter(get_close_matches(value.upper(), sorted(codes), 1)), "")
    fix = f"did you mean `{close}`?" if close else "use an ISO 4217 code, like `USD` or `EUR`"
    return Problem("ORG212", f"there is no currency {_shown(value)}", fix, close)


@lru_cache(maxsize=4)
def _lines(name: str) -> frozenset[str]:
    text = (_folder("orgform") / "data" / name).read_text(encoding="utf-8")
    return frozenset(line for line in text.split("\n") if line and not line.startswith("#"))


def _folder(package: str) -> Path:
    """Where an installed package lies; importlib.resources would import a dozen modules to say so."""
    return Path(str(import_module(package).__file__)).parent


def _shown(value: str) -> str:
    """For messages: no control characters, not endless."""
    text = CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)
    return f"`{text if len(text) <= 80 else text[:77] + '...'}`"


_CHECKS = {
    "slug": _check_slug,
    "name": _check_name,
    "email": _check_email,
    "fqdn": _check_fqdn,
    "fqdn-owned": _check_owned,
    "date": _check_date,
    "timezone": _check_timezone,
    "currency": _check_currency,
}


def readable(value: str) -> str:
    """What people read for a key in its compared form: a domain in its own letters; empty where that says nothing new."""
    if "xn--" not in value:
        return ""
    import idna

    try:
        return idna.decode(value)
    except (idna.IDNAError, UnicodeError):
        return ""
