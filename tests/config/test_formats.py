"""Formats of single values."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orgform.formats import FORMATS, check, normalise, plain, time_zones

GOOD = {
    "slug": ["a", "A.b_c-9", "9", "x" * 100],
    "name": ["HubSpot", "Größe 2", "a.b", "日本", "x" * 200],
    "email": ["a@acme.com", "A.b+c@Acme.co.uk", "o'neil@acme.com", "jürgen@bücher.example", "a@xn--bcher-kva.example", "a@acme.test"],
    "fqdn": ["acme.com", "ACME.com", "acme.com.", "a-b.c9.example", "bücher.example", "xn--bcher-kva.example", "日本.jp"],
    "fqdn-owned": ["acme.com", "acme.co.uk", "acme.github.io", "www.ck", "acme.internal", "bücher.example", "mail.gmail.com"],
    "date": ["2027-01-31", "2028-02-29", "0001-01-01"],
    "timezone": ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+1"],
    "currency": ["USD", "EUR", "JPY"],
}
BAD = {
    "slug": ["", "-a", ".a", "a b", "a/b", "é", "x" * 101, "a\n"],
    "name": ["", " ", "a/b", " a", "a ", "a\nb", "a\x1b", "\u202ea", "x" * 201],
    "email": ["", "a", "a@", "@acme.com",
        "a@b", "a b@acme.com", "a..b@acme.com", "a/b@acme.com", "a@acme..com", "a@-acme.com", "x" * 65 + "@acme.com",
        "a@[1.2.3.4]"],
    "fqdn": ["", "acme", "a_b.com", "-a.com", "a-.com", "a..com", "1.2.3.4", "http://acme.com",
        "acme.com/x", "x" * 64 + ".com", "xn--a.com", "*.acme.com", ("x" * 60 + ".") * 5 + "com", "a b.com"],
    "fqdn-owned": ["com", "co.uk", "github.io", "anything.ck", "gmail.com", "GMAIL.com", "web.de", "xn--p1ai", "рф"],
    "date": ["", "2027-1-31", "2027-02-30", "31.01.2027", "2027-01-31T00:00", "20270131", "2027-13-01", "２０２７-01-01"],
    "timezone": ["", "Berlin", "CEST", "UTC+1", "europe/berlin", "../etc/passwd", "Europe"],
    "currency": ["", "usd", "US", "XXX", "XTS", "EURO", "€"],
}  # fmt: skip


@pytest.mark.parametrize(("format", "value"), [(f, v) for f, values in GOOD.items() for v in values])
def test_good(format: str, value: str) -> None:
    assert check(format, value) is None
    assert check(format, normalise(format, value)) is None


@pytest.mark.parametrize(("format", "value"), [(f, v) for f, values in BAD.items() for v in values])
def test_bad(format: str, value: str) -> None:
    problem = check(format, value)
    assert problem is not None
    assert problem.summary and problem.fix and problem.code.startswith(("ORG02", "ORG2"))
    assert "\x1b" not in problem.summary and "\u202e" not in problem.summary
    assert not problem.suggestion or check(format, problem.suggestion) is None


@pytest.mark.parametrize(
    ("format", "value", "suggestion"),
    [
        ("slug", "Brand X / US", "Brand-X-US"),
        ("name", "a/b", "a-b"),
        ("email", "mailto:alice@acme.com", "alice@acme.com"),
        ("email", "alice @acme.com", "alice@acme.com"),
        ("email", "<alice@acme.com>", "alice@acme.com"),
        ("fqdn", "https://acme.com/about", "acme.com"),
        ("date", "2027-1-5", "2027-01-05"),
        ("date", "2027/01/05", "2027-01-05"),
        ("date", "2027-01-05T12:00:00Z", "2027-01-05"),
        ("timezone", "europe/berlin", "Europe/Berlin"),
        ("timezone", "America/New York", "America/New_York"),
        ("timezone", "Berlin", "Europe/Berlin"),
        ("currency", "eur", "EUR"),
        ("currency", "EURO", "EUR"),
    ],
)
def test_suggestions(format: str, value: str, suggestion: str) -> None:
    problem = check(format, value)
    assert problem is not None and problem.suggestion == suggestion


@pytest.mark.parametrize(
    ("format", "value", "normal"),
    [
        ("email", "Alice@ACME.com", "alice@acme.com"),
        ("email", "JÜRGEN@Bücher.example", "jürgen@xn--bcher-kva.example"),
        ("email", "nobody", "nobody"),
        ("email", "STRASSE", "strasse"),
        ("email", "Straße@acme.com", "straße@acme.com"),
        ("email", "STRA\u1e9eE@acme.com", "straße@acme.com"),
        ("email", "\u0130nci@acme.com", "i\u0307nci@acme.com"),
        ("email", "ΣΟΦΟΣ@acme.com", "σοφοσ@acme.com"),
        ("email", "Jose\u0301@acme.com", "jos\u00e9@acme.com"),
        ("name", "Cafe\u0301", "Caf\u00e9"),
        ("", "Cafe\u0301", "Caf\u00e9"),
        ("fqdn", "Bu\u0308cher.example", "xn--bcher-kva.example"),
        ("fqdn", "BÜCHER.Example.", "xn--bcher-kva.example"),
        ("fqdn-owned", "Acme.COM", "acme.com"),
        ("fqdn", "\u2024..", "\u2024.."),
        ("name", "Größe", "Größe"),
        ("slug", "A", "A"),
    ],
)
def test_normal_spelling(format: str, value: str, normal: str) -> None:
    assert normalise(format, value) == normal


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(FORMATS),
    st.one_of(st.text(max_size=30), st.from_regex(r"[A-Za-zß.@_-]{1,30}", fullmatch=True), st.emails()),
)
@example("email", "ß@x.de")
@example("fqdn", "ﬀ.de")
@example("fqdn", "..")
def test_any_text(format: str, value: str) -> None:
    """Normalising is idempotent and keeps what is good good; the fast test never says more than the whole one."""
    normal = normalise(format, value)
    assert normalise(format, normal) == normal
    if check(format, value) is None:
        assert check(format, normal) is None
    fast = plain(format)
    if fast and fast(value):
        assert check(format, value) is None and normal == value


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("\u0430lice@acme.com", "mixes Cyrillic and Latin letters"),
        ("bob.\u03bfwner@acme.com", "mixes Greek and Latin letters"),
        ("al\u034fice@acme.com", "has the character U+034F, which nobody can see"),
        ("alice\ufe0f@acme.com", "has the character U+FE0F, which nobody can see"),
    ],
)
def test_an_address_that_looks_like_another_is_none(value: str, told: str) -> None:
    problem = check("email", value)
    assert problem is not None
    assert (problem.code, told in problem.summary) == ("ORG207", True)
    assert problem.suggestion in ("", "alice@acme.com")


@pytest.mark.parametrize(
    "value", ["\u0438\u0432\u0430\u043d@acme.com", "ivan.\u0438\u0432\u0430\u043d@acme.com", "\u03b1\u03b2\u03b3@acme.com"]
)
def test_an_address_in_another_alphabet_is_one(value: str) -> None:
    assert check("email", value) is None


def test_no_character_flaps() -> None:
    """However a character is written, in upper case or composed, its e-mail address is one and stays one."""
    for number in range(0x110000):
        char = chr(number)
        if char.isalpha():
            normal = normalise("email", char)
            assert normalise("email", normal) == normal
            assert normalise("email", unicodedata.normalize("NFD", char)) == normal
            if len(char.upper()) == 1 and char.upper().lower() == char:
                assert normalise("email", char.upper()) == normal


def test_unknown_formats_are_not_judged() -> None:
    assert check("uuid", "x") is None and normalise("uuid", "X") == "X" and plain("date") is None


def test_every_zone_of_the_database_is_known() -> None:
    assert len(time_zones()) > 400 and all(check("timezone", zone) is None for zone in time_zones())
