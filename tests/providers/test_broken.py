"""Packages that ship a provider and are no good: each is named with what to do, and stops no other one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import orgform.providers
from orgform import app
from orgform.errors import BrokenProvider, ConfigInvalid, UsageError
from orgform.providers import find_spec, spec_names
from orgform.render import markdown, text

Install = Callable[[str, str, str], None]
CONFIG = """
orgform: 1
company: {name: Acme, primary_domain: acme.com}
domains: {acme.com: {}}
targets:
  desk: {provider: desk, token: plain, kinds: [tag]}
  acme: {provider: local, database: acme.db}
""".lstrip()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """What `pip install` would leave behind: a package with a provider, as a module of this text."""
    site = tmp_path / "site"
    monkeypatch.setenv("ORGFORM_CACHE", "")

    def installed(package: str, name: str, code: str) -> None:
        module = package.replace("-", "_")
        info = site / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{module}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[orgform.providers]\n{name} = {module}:spec\n")
        monkeypatch.syspath_prepend(site)
        orgform.providers._points.cache_clear()

    yield installed
    for module in {name for name in sys.modules if name.startswith(("acme_desk", "desk_"))}:
        del sys.modules[module]
    orgform.providers._points.cache_clear()


BROKEN = {
    "import": (
        "import a_library_that_is_not_here\n",
        "cannot be loaded: ModuleNotFoundError: No module named 'a_library_that_is_not_here'",
    ),
    "attribute": ("nothing = 1\n", "cannot be loaded: AttributeError: "),
    "exit": ("import sys\nsys.exit(3)\n", "cannot be loaded: SystemExit: 3"),
    "silent": ("raise RuntimeError\n", "cannot be loaded: RuntimeError"),
    "class": ("class spec:\n    name = 'desk'\n", "is no ProviderSpec with Capabilities"),
    "parts": (
        "from orgform.providers.base import ProviderSpec\nspec = ProviderSpec('desk', '', {}, {'tag': {}}, print)\n",
        "is no ProviderSpec with Capabilities",
    ),
}


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_package_is_named_and_the_others_go_on(install: Install, tmp_path: Path, way: str) -> None:
    code, why = BROKEN[way]
    install(f"acme-desk-{way}", "desk", code)
    found = app.providers()
    assert set(found["desk"]) == {"problem", "hint"} and why in found["desk"]["problem"]
    assert f"of the package acme-desk-{way} (acme_desk_{way}:spec)" in found["desk"]["problem"]
    assert f"acme-desk-{way}" in found["desk"]["hint"] and "uninstall it" in found["desk"]["hint"]
    assert found["front"]["kinds"]["tag"]["read"] == "api"
    with pytest.raises(BrokenProvider):
        app.providers("desk")
    assert app.providers("local")

    (tmp_path / "company.yaml").write_text(CONFIG.replace("  desk: {provider: desk, token: plain, kinds: [tag]}\n", ""))
    assert app.plan(app.Options(tmp_path)).summary["create"] == 2


def test_a_target_that_uses_it_is_told_at_its_line(install: Install, tmp_path: Path) -> None:
    install("acme-desk", "desk", "import a_library_that_is_not_here\n")
    (tmp_path / "company.yaml").write_text(CONFIG)
    with pytest.raises(ConfigInvalid) as caught:
        app.plan(app.Options(tmp_path))
    [problem] = caught.value.diagnostics
    assert (problem.code, problem.source and (problem.source.line, problem.source.column)) == ("ORG403", (5, 20))
    assert "install acme-desk anew" in problem.detail
    assert "plain" not in str(problem)  # nobody can tell which of its options is a secret


def test_a_config_that_was_read_before_is_read_anew(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package broke after the config was kept as read: that is told, too."""
    monkeypatch.setenv("ORGFORM_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "config"
    folder.mkdir()
    good = """
from orgform.providers.base import Capabilities, KindCapability, ProviderSpec
spec = ProviderSpec("desk", "", {"type": "object"}, Capabilities({"tag": KindCapability()}), print)
"""
    install("acme-desk", "desk", good)
    (folder / "company.yaml").write_text(CONFIG.replace("token: plain, ", ""))
    app.validate(app.Options(folder))
    app.validate(app.Options(folder))
    (tmp_path / "site" / "acme_desk.py").write_text("import a_library_that_is_not_here\n")
    monkeypatch.delitem(sys.modules, "acme_desk")
    with pytest.raises(ConfigInvalid, match="1 error"):
        app.validate(app.Options(folder))


def test_two_packages_with_one_name(install: Install) -> None:
    """Which one a token goes to is nobody's guess; and no package takes the place of one of ours."""
    for package in ("desk-a", "desk-b"):
        install(package, "desk", "spec = 1\n")
    install("desk-c", "front", "raise RuntimeError\n")
    with pytest.raises(BrokenProvider, match="several packages have a provider 'desk': desk-a, desk-b") as caught:
        find_spec("desk")
    assert caught.value.hint == "uninstall all but one of them"
    front = find_spec("front")
    assert front is not None and front.title == "Front"
    assert spec_names().count("front") == 1 and find_spec("nobody") is None
    with pytest.raises(UsageError):
        app.providers("nobody")


def test_how_it_is_shown(install: Install) -> None:
    install("acme-desk", "desk", "import a_library_that_is_not_here\n")
    found = app.providers()
    page = text.providers(found, color=False, width=80)
    assert "desk\n  cannot be used: the provider 'desk' of the package acme-desk" in page
    assert "  help: install acme-desk anew with what it needs, or uninstall it\n" in page
    assert all(len(line) <= 80 for line in page.splitlines())
    table = markdown.providers(found)
    assert "Cannot be used: the provider" in table and "`front`" in table.partition("All of them")[2]
    assert "`desk`" not in table.partition("All of them")[2]
