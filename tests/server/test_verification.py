"""Domains are proved by a record in DNS: by the API, against a real DNS server on loopback, on both databases."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from orgform.codec import decode, encode
from orgform.errors import OrgformError
from orgform.kinds import Kind, Kinds
from orgform.server import Store, tables
from orgform.server.log import Log
from orgform.server.shape import Shapes
from orgform.server.store import StoreError, now, time_text
from orgform.server.sweep import sweeping
from orgform.server.verification import AT_ONCE, Found, Resolver, Verification, expire
from orgform.testing.server import running_server
from tests.dnsserver import Names, closed_port, running_dns
from tests.server.conftest import COMPANIES, Api

ACME = "domain/acme.com"
RECORD = "_orgform-challenge.acme.com"


@pytest.fixture
def dns() -> Iterator[Names]:
    with running_dns() as names:
        yield names


@pytest.fixture
def api(store: Store, kinds: Kinds, dns: Names) -> Iterator[Api]:
    with Api(store, kinds, f"verifying-{next(COMPANIES)}", resolver=Resolver(dns.place, seconds=2)) as api:
        api.have(ACME)
        yield api
        api.check_consistent()


def verify(api: Api, address: str = ACME, **body: Any) -> dict[str, Any]:
    answer = api.post(api.url(address) + "/verify", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["observed"])


def challenge(api: Api, address: str = ACME) -> dict[str, Any]:
    return dict(api.item(address)["observed"]["challenge"])


def changes(api: Api, address: str = ACME) -> list[tuple[str, str]]:
    """The status before and after each verification that changed it, oldest first."""
    found = [(e["before"]["status"], e["after"]["status"]) for e in api.events(address=address) if e["action"] == "verify"]
    return found[::-1]


def age(api: Api, days: float, address: str = ACME) -> None:
    """Moves the end of the challenge by so many days into the past."""
    kind, _, key = address.partition("/")
    r = tables.resources.c
    this = (r.company == api.company, r.kind == kind, r.key == key)
    with api.store.writing(api.company) as connection:
        observed = decode(connection.execute(sa.select(r.observed).where(*this)).scalar_one())
        ends = datetime.fromisoformat(observed["challenge"]["expires_at"]) - timedelta(days=days)
        observed["challenge"]["expires_at"] = time_text(ends)
        connection.execute(sa.update(tables.resources).where(*this).values(observed=encode(observed).decode()))


# The challenge


def test_a_new_domain_has_a_challenge_of_its_own(api: Api) -> None:
    api.have("domain/acme.org")
    mine, other = challenge(api), challenge(api, "domain/acme.org")
    assert mine["record"] == RECORD
    assert mine["type"] == "TXT"
    match = re.fullmatch(r"token=([A-Za-z0-9_-]{22,}) expiry=(\d{4}-\d\d-\d\d)", mine["value"])
    assert match
    assert mine["expires_at"].startswith(match[2])
    left = datetime.fromisoformat(mine["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
    assert other["record"] == "_orgform-challenge.acme.org"
    assert other["value"] != mine["value"]
    assert api.item(ACME)["observed"]["status"] == "pending"


def test_other_kinds_have_none(api: Api) -> None:
    api.have("workspace/brand-x")
    assert "challenge" not in api.item("workspace/brand-x")["observed"]


def test_by_batch_too(api: Api) -> None:
    api.batch({"method": "create", "collection": "domains", "key": "acme.org"})
    assert challenge(api, "domain/acme.org")["value"].startswith("token=")


def test_deleted_and_created_again_it_is_another(api: Api) -> None:
    before = challenge(api)
    api.remove(ACME)
    api.have(ACME)
    assert challenge(api)["value"] != before["value"]


def test_nobody_writes_it(api: Api) -> None:
    answer = api.change(ACME, {"challenge": {"value": "token=mine"}})
    assert answer.status_code == 422
    assert "observed" in answer.text


def test_the_etag_stays(api: Api, dns: Names) -> None:
    before = api.item(ACME)
    dns.set(RECORD, challenge(api)["value"])
    verify(api)
    after = api.item(ACME)
    assert (after["etag"], after["id"], after["attributes"]) == (before["etag"], before["id"], before["attributes"])


# Looking for it


def test_pending_until_the_record_is_there(api: Api, dns: Names) -> None:
    asked = challenge(api)
    first = verify(api)
    assert first["status"] == "pending"
    assert first["challenge"]["checked_at"] <= now()
    assert "set the record" in first["challenge"]["detail"]
    assert {k: first["challenge"][k] for k in asked} == asked
    assert changes(api) == []
    dns.set(RECORD, asked["value"])
    second = verify(api)
    assert second["status"] == "verified"
    assert changes(api) == [("pending", "verified")]
    assert api.item(ACME)["observed"] == second
    event = next(e for e in api.events(address=ACME) if e["action"] == "verify")
    assert event["actor"] == "dana@acme.com"


def test_verified_stays_verified_and_nobody_is_asked(api: Api, dns: Names) -> None:
    dns.set(RECORD, challenge(api)["value"])
    verify(api)
    before, questions = api.item(ACME), len(dns.asked)
    dns.records.clear()
    assert verify(api)["status"] == "verified"
    assert verify(api, restart=True)["status"] == "verified"
    assert api.item(ACME) == before
    assert len(dns.asked) == questions
    assert changes(api) == [("pending", "verified")]


@pytest.mark.parametrize("shape", ["token alone", "cut in strings", "quoted", "among others", "with spaces"])
def test_the_token_counts_however_it_is_written(api: Api, dns: Names, shape: str) -> None:
    value = challenge(api)["value"]
    token = value.split()[0].removeprefix("token=")
    {
        "token alone": lambda: dns.set(RECORD, token),
        "cut in strings": lambda: dns.set(RECORD, [value[:9], value[9:20], value[20:]]),
        "quoted": lambda: dns.set(RECORD, f'"{value}"'),
        "among others": lambda: dns.set(RECORD, "v=spf1 -all", "token=another expiry=2026-01-01", value),
        "with spaces": lambda: dns.set(RECORD, f"  {value.replace(' ', '   ')} "),
    }[shape]()
    assert verify(api)["status"] == "verified"


@pytest.mark.parametrize("wrong", ["another", "other case", "a part", "more"])
def test_another_value_does_not(api: Api, dns: Names, wrong: str) -> None:
    token = challenge(api)["value"].split()[0]
    dns.set(
        RECORD, {"another": "token=abc expiry=2026-12-31", "other case": token.swapcase(), "a part": token[:-1], "more": token + "A"}[wrong]
    )
    observed = verify(api)
    assert observed["status"] == "pending"
    assert f"{RECORD} holds `" in observed["challenge"]["detail"]


def test_what_a_record_holds_is_shown_safely(api: Api, dns: Names) -> None:
    dns.set(RECORD, "\x1b[31m\n" + "x" * 200, "b", "c", "d")
    detail = verify(api)["challenge"]["detail"]
    assert detail.isprintable()
    assert len(detail) < 300


def test_a_record_that_is_no_utf8(api: Api, dns: Names) -> None:
    dns.set(RECORD, "x")
    dns.records[RECORD][0].data = [b"\xff\xfe\x00"]
    assert verify(api)["status"] == "pending"


def test_an_alias_is_followed(api: Api, dns: Names) -> None:
    dns.alias(RECORD, "acme.proofs.example")
    dns.set("acme.proofs.example", challenge(api)["value"])
    assert verify(api)["status"] == "verified"


def test_an_alias_that_leads_nowhere(api: Api, dns: Names) -> None:
    dns.alias(RECORD, "nobody.example")
    assert verify(api)["status"] == "pending"


def test_an_alias_in_a_circle(api: Api, dns: Names) -> None:
    dns.alias(RECORD, "a.example")
    dns.alias("a.example", RECORD)
    observed = verify(api)
    assert observed["status"] == "pending"
    assert observed["challenge"]["detail"]


def test_a_truncated_answer_is_fetched_by_tcp(api: Api, dns: Names) -> None:
    dns.set(RECORD, *[f"{i} " + "x" * 100 for i in range(20)], challenge(api)["value"])
    assert verify(api)["status"] == "verified"
    assert [protocol for protocol, _ in dns.asked] == ["udp", "tcp"]


def test_an_international_domain(api: Api, dns: Names) -> None:
    api.have("domain/MÜNCHEN.example")
    address = "domain/xn--mnchen-3ya.example"
    dns.set("_orgform-challenge.xn--mnchen-3ya.example", challenge(api, address)["value"])
    assert verify(api, "domain/münchen.example.")["status"] == "verified"
    assert api.item(address)["observed"]["status"] == "verified"


def test_a_name_that_is_too_long_for_dns(api: Api) -> None:
    long = ".".join(["a" * 60] * 3 + ["b" * 55, "example"])
    api.have(f"domain/{long}")
    assert "could not be looked up" in verify(api, f"domain/{long}")["challenge"]["detail"]


@pytest.mark.parametrize(
    ("mood", "says"),
    [
        ("SERVFAIL", r"failed \(SERVFAIL\).*DNSSEC"),
        ("REFUSED", r"refuses to answer \(REFUSED\)"),
        ("NOTIMP", r"no good answer.*NOTIMP"),
        ("silent", r"no answer.*within 2 s \(time-out\): try again"),
        ("garbage", r"(no good answer|no answer)"),
    ],
)
def test_what_dns_says_is_told(api: Api, dns: Names, mood: Any, says: str) -> None:
    dns.set(RECORD, challenge(api)["value"])
    dns.mood = mood
    observed = verify(api)
    assert observed["status"] == "pending"
    assert re.search(says, observed["challenge"]["detail"])
    assert dns.place.replace(":", " port ") in observed["challenge"]["detail"]
    assert RECORD in observed["challenge"]["detail"] or mood == "REFUSED"
    dns.mood = "answers"
    assert verify(api)["status"] == "verified"


def test_a_name_without_text(api: Api, dns: Names) -> None:
    dns.address(RECORD)
    assert f"{RECORD} has no TXT record" in verify(api)["challenge"]["detail"]


def test_a_resolver_that_is_not_there(api: Api, kinds: Kinds) -> None:
    place = f"127.0.0.1:{closed_port()}"
    with Api(api.store, kinds, api.company, resolver=Resolver(place, seconds=0.5)) as other:
        assert place.replace(":", " port ") in verify(other)["challenge"]["detail"]


def test_a_resolver_whose_name_nobody_knows(api: Api, kinds: Kinds) -> None:
    with Api(api.store, kinds, api.company, resolver=Resolver("nobody.invalid", seconds=0.5)) as other:
        assert "the resolver nobody.invalid is not known here" in verify(other)["challenge"]["detail"]


def test_the_resolvers_of_the_machine() -> None:
    """With them or without, there is nothing at a name that cannot be."""
    assert Resolver(seconds=0.5).texts("_orgform-challenge.nobody.invalid").problem


def test_a_resolver_by_name(api: Api, kinds: Kinds, dns: Names) -> None:
    dns.set(RECORD, challenge(api)["value"])
    with Api(api.store, kinds, api.company, resolver=Resolver(f"localhost:{dns.place.partition(':')[2]}")) as other:
        assert verify(other)["status"] == "verified"


# The route


def test_by_id(api: Api, dns: Names) -> None:
    dns.set(RECORD, challenge(api)["value"])
    answer = api.post(f"/v1/domains/{api.item(ACME)['id']}/verify")
    assert answer.status_code == 200
    assert answer.json()["key"] == "acme.com"
    assert answer.json()["observed"]["status"] == "verified"
    assert answer.headers["etag"] == f'"{answer.json()["etag"]}"'


@pytest.mark.parametrize("key", ["acme.org", "nonsense", "a%00b", "%2F", "acme.com/acme.com", "x" * 2000, "0123456789abcdef0123"])
def test_what_is_not_there(api: Api, key: str) -> None:
    assert api.post(f"/v1/domains/{key}/verify").status_code == 404


def test_a_domain_of_another_company(api: Api, kinds: Kinds, dns: Names) -> None:
    id = api.item(ACME)["id"]
    with Api(api.store, kinds, f"verifying-{next(COMPANIES)}", resolver=Resolver(dns.place)) as other:
        assert other.post("/v1/domains/acme.com/verify").status_code == 404
        assert other.post(f"/v1/domains/{id}/verify").status_code == 404
    assert dns.asked == []


@pytest.mark.parametrize("path", ["/v1/members/alice@acme.com/verify", "/v1/nonsense/x/verify", "/v1/inboxes/brand-x/verify"])
def test_what_has_nothing_to_verify(api: Api, path: str) -> None:
    answer = api.post(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "no-verification"
    assert "domains" in answer.json()["detail"]


def test_a_resource_may_be_named_verify(api: Api) -> None:
    api.have("workspace/brand-x", "inbox/brand-x/verify")
    assert api.item("inbox/brand-x/verify")["key"] == "brand-x/verify"
    assert api.change("inbox/brand-x/verify", {}).status_code == 200
    assert api.remove("inbox/brand-x/verify").status_code == 204


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_only_post(api: Api, method: str) -> None:
    answer = api.request(method, "/v1/domains/acme.com/verify")
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]
    assert api.item(ACME)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 200), (b"{}", 200), (b'{"restart": false}', 200), (b"{", 400), (b"[]", 422), (b'{"restart": 1}', 422), (b'{"x": 1}', 422)],
)
def test_bodies(api: Api, body: bytes, status: int) -> None:
    answer = api.post("/v1/domains/acme.com/verify", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert api.post("/v1/domains/acme.com/verify?x=1").status_code == 400


def test_preconditions(api: Api, dns: Names) -> None:
    before = api.item(ACME)
    wrong = api.post("/v1/domains/acme.com/verify", headers={"if-match": '"other"'})
    assert wrong.status_code == 412
    assert dns.asked == []
    assert api.post("/v1/domains/acme.com/verify", headers={"if-match": before["etag"]}).status_code == 200


def test_the_same_request_again_has_the_same_answer(api: Api, dns: Names) -> None:
    key = {"idempotency-key": "once"}
    first = api.post("/v1/domains/acme.com/verify", json={"restart": True}, headers=key)
    dns.set(RECORD, first.json()["observed"]["challenge"]["value"])
    again = api.post("/v1/domains/acme.com/verify", json={"restart": True}, headers=key)
    assert again.content == first.content
    assert challenge(api)["value"] == first.json()["observed"]["challenge"]["value"]
    assert api.post("/v1/domains/acme.com/verify", json={}, headers=key).status_code == 409
    looked = api.post("/v1/domains/acme.com/verify", headers={"idempotency-key": "two"})
    assert looked.json()["observed"]["status"] == "verified"
    assert api.post("/v1/domains/acme.com/verify", headers={"idempotency-key": "two"}).content == looked.content
    assert api.post("/v1/domains/acme.com/verify", headers={"idempotency-key": "é".encode()}).status_code == 400


class Meeting(Resolver):
    """Both who ask are answered when both have asked."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1:1")
        self.both = threading.Barrier(2, timeout=20)

    def texts(self, name: str) -> Found:
        self.both.wait()
        return Found(problem=f"{name} was looked up")


@pytest.mark.parametrize(("bodies", "statuses"), [((b"{}", b"{}"), [200, 200]), ((b"{}", b""), [200, 409])], ids=["same", "other"])
def test_two_with_one_key_at_once(api: Api, kinds: Kinds, bodies: tuple[bytes, bytes], statuses: list[int]) -> None:
    """Neither knew of the other when it began; the slower one is told what the key stands for by then."""
    resolver = Meeting()
    headers = {"idempotency-key": "once", "content-type": "application/json"}

    def ask(body: bytes) -> httpx.Response:
        with Api(api.store, kinds, api.company, resolver=resolver) as one:
            return one.post("/v1/domains/acme.com/verify", content=body, headers=headers)

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(ask, bodies), key=lambda a: a.status_code)
    assert [a.status_code for a in answers] == statuses, [a.text for a in answers]
    assert statuses[1] != 200 or answers[0].content == answers[1].content


# Names change


def test_a_new_name_is_proved_from_the_beginning(api: Api, dns: Names) -> None:
    api.have("company/company")
    before = challenge(api)
    dns.set(RECORD, before["value"])
    dns.set("_orgform-challenge.acme.org", before["value"])
    verify(api)
    api.rename(ACME, "acme.org")
    after = api.item("domain/acme.org")["observed"]
    assert after["status"] == "pending"
    assert after["challenge"]["record"] == "_orgform-challenge.acme.org"
    assert after["challenge"]["value"] != before["value"]
    assert "checked_at" not in after["challenge"]
    assert ("verified", "pending") in changes(api, "domain/acme.org")
    assert verify(api, "domain/acme.org")["status"] == "pending"


def test_renamed_and_back_it_is_proved_again(api: Api, dns: Names) -> None:
    dns.set(RECORD, challenge(api)["value"])
    verify(api)
    api.batch(
        {"method": "update", "collection": "domains", "key": "acme.com", "new_key": "acme.org"},
        {"method": "update", "collection": "domains", "key": "acme.org", "new_key": "acme.com"},
    )
    assert api.item(ACME)["observed"]["status"] == "pending"
    assert verify(api)["status"] == "pending"


def test_another_spelling_is_the_same_name(api: Api, dns: Names) -> None:
    dns.set(RECORD, challenge(api)["value"])
    verify(api)
    assert api.rename(ACME, "ACME.com.").status_code == 200
    assert api.item(ACME)["observed"]["status"] == "verified"


def test_what_moves_with_a_parent_keeps_its_own_proof(store: Store, kinds: Kinds, dns: Names) -> None:
    schema = decode(encode(kinds["domain"].schema), dict[str, Any])
    schema |= {"x-kind": "site_domain", "x-collection": "site_domains", "x-parent": "workspace"}
    del schema["x-access"]
    more = Kinds([*kinds.values(), Kind(schema)])
    with Api(store, more, f"verifying-{next(COMPANIES)}", resolver=Resolver(dns.place)) as api:
        api.have("workspace/x", "site_domain/x/acme.com")
        asked = challenge(api, "site_domain/x/acme.com")
        assert asked["record"] == RECORD
        api.rename("workspace/x", "y")
        assert challenge(api, "site_domain/y/acme.com") == asked
        dns.set(RECORD, asked["value"])
        assert verify(api, "site_domain/y/acme.com")["status"] == "verified"


BAD_DOMAINS = [
    "gmail.com",
    "GMAIL.com",
    "gmail.com.",
    "co.uk",
    "CO.UK.",
    "com",
    "公司.cn",
    "xn--55qx5d.cn",
    "github.io",
    "a b.com",
    "_x.com",
]


@pytest.mark.parametrize("name", BAD_DOMAINS)
def test_names_that_nobody_owns_are_refused_everywhere(api: Api, name: str) -> None:
    assert api.make(f"domain/{name}").status_code == 422
    assert api.rename(ACME, name).status_code == 422
    created, renamed = api.batch(
        {"method": "create", "collection": "domains", "key": name},
        {"method": "update", "collection": "domains", "key": "acme.com", "new_key": name},
    )
    assert (created["status"], renamed["status"]) == (422, 422)
    assert api.addresses("domain") == [ACME]


# Time


def test_its_time_runs_out(api: Api, dns: Names) -> None:
    dns.set(RECORD, challenge(api)["value"])
    age(api, 31)
    observed = verify(api)
    assert observed["status"] == "failed"
    assert "in time" in observed["challenge"]["detail"]
    assert dns.asked == []
    assert verify(api)["status"] == "failed"
    assert changes(api) == [("pending", "failed")]


def test_a_new_start_is_a_new_challenge(api: Api, dns: Names) -> None:
    old = challenge(api)
    age(api, 31)
    verify(api)
    dns.set(RECORD, old["value"])
    observed = verify(api, restart=True)
    assert observed["status"] == "pending"
    assert observed["challenge"]["value"] != old["value"]
    assert observed["challenge"]["expires_at"] >= old["expires_at"]
    assert "detail" not in observed["challenge"]
    assert verify(api)["status"] == "pending"
    dns.set(RECORD, old["value"], observed["challenge"]["value"])
    assert verify(api)["status"] == "verified"
    assert changes(api) == [("pending", "failed"), ("failed", "pending"), ("pending", "verified")]


def test_what_is_pending_may_start_anew(api: Api) -> None:
    old = challenge(api)
    assert verify(api, restart=True)["challenge"]["value"] != old["value"]


def test_without_anybody_asking(api: Api, kinds: Kinds) -> None:
    api.have("domain/acme.org", "domain/acme.net")
    api.store.observe("domain/acme.net", {"status": "verified"}, company=api.company)
    for address in (ACME, "domain/acme.net"):
        age(api, 31, address)
    shapes = Shapes(kinds)
    assert expire(api.store, shapes, now()) == 1
    assert expire(api.store, shapes, now()) == 0
    found = {a: api.item(a)["observed"]["status"] for a in api.addresses("domain")}
    assert found == {ACME: "failed", "domain/acme.org": "pending", "domain/acme.net": "verified"}
    event = next(e for e in api.events(address=ACME) if e["action"] == "verify")
    assert (event["actor"], event["before"], event["after"]) == ("orgform", {"status": "pending"}, {"status": "failed"})


def test_by_several_at_once(api: Api, kinds: Kinds) -> None:
    """Each on a connection of its own, as processes have them."""
    names = [f"domain/d{i}.example" for i in range(20)]
    api.have(*names)
    for address in names:
        age(api, 31, address)
    moment, shapes, numbers = now(), Shapes(kinds), []
    threads = [threading.Thread(target=lambda: numbers.append(expire(api.store, shapes, moment))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(numbers) == len(names)
    assert all(changes(api, address) == [("pending", "failed")] for address in names)


def test_nothing_is_made_where_there_is_nothing(tmp_path: Path, kinds: Kinds) -> None:
    store = Store(tmp_path / "nothing.db")
    assert expire(store, Shapes(kinds), now()) == 0
    store.close()
    assert list(tmp_path.iterdir()) == []


class Broken(Store):
    """A database that is gone at the first look."""

    looks = 0

    def reading(self) -> Any:
        self.looks += 1
        if self.looks == 1:
            raise StoreError("the database is gone")
        return super().reading()


def test_a_server_sweeps_now_and_then(tmp_path: Path, kinds: Kinds, caplog: pytest.LogCaptureFixture) -> None:
    lines = io.StringIO()
    store = Broken(tmp_path / "acme.db")
    with Api(store, kinds, "default", resolver=Resolver("127.0.0.1:1")) as api:
        api.have(ACME)
        age(api, 31)
        store.looks = 0
        with sweeping(store, kinds, Log("json", lines), every=0.01):
            while "challenges-expired" not in lines.getvalue():
                pass
        assert api.item(ACME)["observed"]["status"] == "failed"
    store.close()
    assert json.loads(lines.getvalue())["number"] == 1
    assert "tried again" in caplog.text


# Directories of the first version


def forget_challenge(api: Api, status: str = "pending") -> None:
    r = tables.resources.c
    with api.store.writing(api.company) as connection:
        change = sa.update(tables.resources).where(r.company == api.company, r.key == "acme.com")
        connection.execute(change.values(observed=encode({"status": status}).decode()))


def test_a_domain_without_a_challenge_gets_one_when_asked(api: Api, kinds: Kinds, dns: Names) -> None:
    forget_challenge(api)
    assert expire(api.store, Shapes(kinds), now()) == 0
    observed = verify(api)
    assert observed["status"] == "pending"
    assert observed["challenge"]["record"] == RECORD
    assert dns.asked == []
    dns.set(RECORD, observed["challenge"]["value"])
    assert verify(api)["status"] == "verified"


def test_one_that_was_verified_needs_none(api: Api) -> None:
    forget_challenge(api, "verified")
    assert verify(api) == {"status": "verified"}
    assert api.rename(ACME, "acme.org").status_code == 200
    assert api.item("domain/acme.org")["observed"]["status"] == "pending"


# While DNS is asked


def slowly(api: Api, dns: Names, meanwhile: Any) -> dict[str, Any]:
    """What a look-up comes to while which `meanwhile` happens."""
    found: list[httpx.Response] = []
    dns.pause = 1.0
    thread = threading.Thread(target=lambda: found.append(api.post("/v1/domains/acme.com/verify")))
    thread.start()
    while not dns.asked:
        pass
    meanwhile()
    thread.join()
    return dict(found[0].json())


def test_others_write_meanwhile(api: Api, dns: Names) -> None:
    """No transaction is open: another one of the same company comes through before DNS has answered."""
    dns.set(RECORD, challenge(api)["value"])
    assert slowly(api, dns, lambda: api.have("workspace/brand-x"))["observed"]["status"] == "verified"
    written = next(e["id"] for e in api.events(address="workspace/brand-x"))
    assert written < next(e["id"] for e in api.events(address=ACME) if e["action"] == "verify")


def test_a_new_challenge_meanwhile(api: Api, dns: Names) -> None:
    dns.set(RECORD, challenge(api)["value"])
    fresh: list[str] = []
    answer = slowly(api, dns, lambda: fresh.append(verify(api, restart=True)["challenge"]["value"]))
    assert answer["observed"]["status"] == "pending"
    assert answer["observed"]["challenge"]["value"] == fresh[0]
    assert api.item(ACME)["observed"]["status"] == "pending"


def test_gone_meanwhile(api: Api, dns: Names) -> None:
    assert slowly(api, dns, lambda: api.remove(ACME))["status"] == 404


def test_renamed_meanwhile(api: Api, dns: Names) -> None:
    dns.set(RECORD, challenge(api)["value"])
    assert slowly(api, dns, lambda: api.rename(ACME, "acme.org"))["status"] == 404
    assert api.item("domain/acme.org")["observed"]["status"] == "pending"


def test_too_many_at_once(api: Api, dns: Names) -> None:
    shapes = Shapes(api.kinds)
    verification = Verification(api.store, shapes, Resolver(dns.place))
    for _ in range(AT_ONCE):
        assert verification._turns.acquire(blocking=False)
    from orgform.server.problems import Problem
    from orgform.server.requests import Request
    from orgform.server.work import Caller

    with pytest.raises(Problem) as refused:
        verification.verify(Request(Caller(api.company, "dana"), "POST", "domains", "acme.com"))
    assert (refused.value.status, refused.value.headers["retry-after"]) == (429, "1")


# Which resolver


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ("127.0.0.1", ("127.0.0.1", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]", ("::1", 53)),
        ("[2001:DB8::1]:5353", ("2001:db8::1", 5353)),
        ("dns.acme.internal", ("dns.acme.internal", 53)),
        ("dns:5353", ("dns", 5353)),
    ],
)
def test_places(where: str, place: tuple[str, int]) -> None:
    assert Resolver(where)._place == place


@pytest.mark.parametrize(
    "where",
    [
        "",
        ":53",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:x",
        "[::1",
        "[127.0.0.1]:53",
        "https://1.1.1.1",
        "a b",
        "1.1.1.1\n",
    ],
)
def test_no_places(where: str) -> None:
    with pytest.raises(OrgformError, match="is no resolver"):
        Resolver(where)


# By a real server


def test_over_http(tmp_path: Path, dns: Names) -> None:
    with running_server(tmp_path / "acme.db", options=["--resolver", dns.place]) as server, httpx.Client(base_url=server.url) as client:
        made = client.post("/v1/domains", json={"key": "acme.com"}).json()
        asked = made["observed"]["challenge"]
        assert client.post("/v1/domains/acme.com/verify").json()["observed"]["status"] == "pending"
        dns.set(RECORD, asked["value"])
        assert client.post(f"/v1/domains/{made['id']}/verify", json={"restart": False}).json()["observed"]["status"] == "verified"


def test_a_real_server_lets_time_run_out(tmp_path: Path, kinds: Kinds) -> None:
    store = Store(tmp_path / "acme.db")
    with Api(store, kinds, "default") as api:
        api.have(ACME)
        age(api, 31)
    store.close()
    with running_server(tmp_path / "acme.db") as server, httpx.Client(base_url=server.url) as client:
        while client.get("/v1/domains/acme.com").json()["observed"]["status"] != "failed":
            assert server.process.poll() is None
        assert server.stop() == 0
        assert '"challenges-expired"' in server.log()
