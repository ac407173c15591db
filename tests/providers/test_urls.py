"""URLs: where one leads, and how it may be shown."""

from __future__ import annotations

import pytest

from orgform.urls import mask_passwords, origin_of, without_password


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Acme.example:443/api", "https://acme.example"),
        ("http://acme.example:80", "http://acme.example"),
        ("http://acme.example:8080/", "http://acme.example:8080"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://user:pw@acme.example/x", "https://acme.example"),
        ("HTTP://acme.example:443", "http://acme.example:443"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "text", ["", "acme.example", "//acme.example", "http://a:port", "http://a:99999", "https://", "http://[x", "file:token"]
)
def test_what_is_no_url_is_an_origin_of_its_own(text: str) -> None:
    assert origin_of(text) == text


@pytest.mark.parametrize(
    "password", ["hunter2", "hun/ter2", "hun?ter2", "hun#ter2", "hun@ter2", "hun[ter2", "h]u:n/t?e#r@2", "h?n=x&ter2", "1/h%40unter2"]
)
def test_a_password_is_not_shown_whatever_it_holds(password: str) -> None:
    shown = without_password(f"postgresql://user:{password}@db.example:5432/ledger")
    assert shown in ("postgresql://db.example:5432/ledger", "postgresql://***")
    assert mask_passwords(f"cannot reach postgresql://user:{password}@db.example/ledger now") == (
        "cannot reach postgresql://user:***@db.example/ledger now"
    )


@pytest.mark.parametrize(
    "url",
    ["postgresql://db/l?password=hunter2", "postgresql://u:p@db/l?password=a@hunter2", "postgresql://u:p@db/l?a=b&password=a@hunter2"],
)
def test_nor_is_one_in_the_query(url: str) -> None:
    assert without_password(url) in ("postgresql://db/l", "postgresql://***")


def test_nor_is_one_that_stands_where_a_port_does() -> None:
    assert without_password("postgresql://user:hunter2/d") == "postgresql://user:***/d"
    assert without_password("postgresql://a:1,b:2/d") == "postgresql://a:1,b:2/d"
    assert without_password("http://[::1]:80/d") == "http://[::1]:80/d"


def test_what_has_no_password_stays() -> None:
    assert without_password("local:acme.db") == "local:acme.db"
    assert without_password("https://acme.example/v1") == "https://acme.example/v1"
    assert mask_passwords("http://h:8080/v1/members?x=1 and bob@acme.com") == "http://h:8080/v1/members?x=1 and bob@acme.com"
