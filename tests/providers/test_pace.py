"""A reserve leaves a part of the quota to others, whoever tells what the quota is."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from orgform.codec import decode
from orgform.providers.http import Session
from orgform.providers.pace import MINUTE, Pace
from orgform.testing.server import running_server
from tests.cli.process import environment
from tests.providers.scripted import answer, scripted


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


def paced(reserve: float, limit: int | None = None) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(reserve, limit, clock=clock, sleep=clock.sleep), clock


@pytest.mark.parametrize(("reserve", "at_once"), [(20, 8), (99, 1), (50.5, 5)])
def test_of_a_declared_limit_the_reserve_is_left(reserve: float, at_once: int) -> None:
    pace, clock = paced(reserve, 10)
    for _ in range(at_once):
        pace.wait()
    assert clock.slept == []
    pace.wait()
    assert clock.slept == [MINUTE]
    for _ in range(at_once - 1):
        pace.wait()
    assert len(clock.slept) == 1


def test_what_the_system_says_decides() -> None:
    pace, clock = paced(50, 1000)
    pace.wait()
    clock.at += MINUTE  # the declared limit's own window is over
    pace.told({"ratelimit-limit": "10", "ratelimit-remaining": "7", "ratelimit-reset": "30"})
    for _ in range(2):
        pace.wait()
    assert clock.slept == []
    pace.told({"ratelimit-limit": "10", "ratelimit-remaining": "9", "ratelimit-reset": "30"})  # an older answer that came late
    pace.wait()
    assert clock.slept == [30.0]


def test_the_first_word_of_a_system_that_declares_nothing_is_taken() -> None:
    pace, clock = paced(50)
    pace.told({"ratelimit-limit": "10", "ratelimit-remaining": "8", "ratelimit-reset": "40"})
    for _ in range(3):
        pace.wait()
    assert clock.slept == []
    pace.wait()
    assert clock.slept == [40.0]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"ratelimit-limit": "0", "ratelimit-remaining": "0"},
        {"ratelimit-limit": "many", "ratelimit-remaining": "1"},
        {"ratelimit-limit": "10"},
        {"ratelimit-limit": "9" * 30, "ratelimit-remaining": "0"},
    ],
)
def test_nonsense_holds_nobody_back(headers: dict[str, str]) -> None:
    pace, clock = paced(90)
    pace.told(headers)
    for _ in range(100):
        pace.wait()
    assert clock.slept == []


def test_a_reset_in_a_year_holds_back_for_a_minute_at_the_most() -> None:
    pace, clock = paced(50)
    pace.told({"ratelimit-limit": "10", "ratelimit-remaining": "0", "ratelimit-reset": "31536000"})
    pace.wait()
    assert clock.slept == [MINUTE]


def test_without_a_reserve_nobody_waits() -> None:
    pace, clock = paced(0, 1)
    pace.told({"ratelimit-limit": "1", "ratelimit-remaining": "0"})
    for _ in range(10):
        pace.wait()
    assert clock.slept == []


def test_a_session_waits_before_it_asks() -> None:
    told = answer(200, {"name": "x"}, ratelimit_limit="10", ratelimit_remaining="4", ratelimit_reset="1")
    with scripted(told) as script, closing(Session(script.url, reserve=50)) as session:
        session._pace._until = 0.0
        for _ in range(2):
            session.request("GET", "/a", idempotent=True)
        assert len(script.received) == 2


def test_a_plan_forecasts_its_share_of_the_quota(tmp_path: Path) -> None:
    with running_server(tmp_path / "api.db", without_tokens=False, options=["--rate-limit", "200"]) as server:
        token = server.token("acme", "write")
        config = "orgform: 1\ncompany: {name: Acme, primary_domain: acme.com}\ndomains: {acme.com: {}}\n"
        config += f"targets:\n  acme: {{provider: orgform, url: '{server.url}', token: 'env:T'}}\n"
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "company.yaml").write_text(config)
        env = environment(T=token, ORGFORM_ALLOW_TARGETS=f"acme={server.url}")

        def plan(*words: str) -> subprocess.CompletedProcess[str]:
            command = [str(Path(sys.executable).with_name("orgform")), "plan", "-C", str(tmp_path / "config"), *words]
            return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)

        estimate = decode(plan("--format", "json").stdout)["estimate"]
        assert estimate["quota_percent"] == estimate["api_calls"] / 2
        spared = decode(plan("--format", "json", "--reserve", "50").stdout)["estimate"]
        assert (spared["api_calls"], spared["quota_percent"]) == (estimate["api_calls"], estimate["quota_percent"])
        assert spared["seconds"] == pytest.approx(2 * estimate["seconds"], abs=0.2)
        assert f"{estimate['quota_percent']:.0f} % of what a minute allows" in plan().stdout
        assert plan("--reserve", "100").returncode == 64
        left = httpx.get(f"{server.url}/v1/whoami", headers={"authorization": f"Bearer {token}"}).headers["ratelimit-remaining"]
        assert int(left) >= 0
