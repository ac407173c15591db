"""Both ways between a config's roles and a platform's: what stands for none of ours is never taken for one of ours."""

from __future__ import annotations

from orgform.providers.base import RoleNames, Roles

USUAL = {"company": {"admin": "Admin", "member": "Editor"}}
OPEN, CLOSED = Roles({"company": ()}, USUAL), Roles({"company": ("Admin", "Editor", "Owner")}, USUAL)


def test_a_role_that_nobody_named_is_the_platforms_own() -> None:
    """Somebody there called a role `owner`: that is not our owner, who is an admin."""
    names = RoleNames(OPEN, {}, "desk")
    assert names.back("company", "owner") == "desk:owner"
    assert names.out("company", "desk:owner") == "owner"
    assert RoleNames(CLOSED, {}, "desk").back("company", "Owner") == "desk:Owner"


def test_what_the_config_named_comes_back_as_named() -> None:
    names = RoleNames(OPEN, {"owner": "owner", "member": "Writer"}, "desk")
    assert (names.back("company", "owner"), names.back("company", "Writer")) == ("owner", "member")
    assert names.back("company", "Editor") == "desk:Editor"  # it has another name now, so nothing stands for it


def test_upper_and_lower_case() -> None:
    """Where a platform has both, they are two roles; where it has one of them, people write it as they like."""
    names = RoleNames(OPEN, {"member": "EDITOR"}, "desk")
    assert names.back("company", "ADMIN") == "admin"
    assert names.back("company", "Editor", ["Admin", "Editor"]) == "member"
    assert names.back("company", "admin", ["Admin", "admin"]) == "desk:admin"
    assert names.back("company", "Admin", ["Admin", "admin"]) == "admin"


def test_where_roles_have_our_names_they_stay() -> None:
    names = RoleNames(Roles(), {}, "local")
    assert (names.back("company", "owner"), names.out("company", "local:owner")) == ("owner", "local:owner")
