"""A key never comes to stand for another thing than the one that was meant."""

from __future__ import annotations

import pytest

from orgform.errors import ReadFailed
from orgform.providers.naming import Thing, keyed

VIP, OTHER = Thing("tag_9", "VIP"), Thing("tag_1", "vip")


def test_of_two_that_are_named_alike_none_is_taken_for_ours() -> None:
    """Somebody made a second one by hand: a delete of ours must not find the first that comes along."""
    assert keyed([VIP], given={}, labels={"vip": "VIP"}) == {"tag_9": "vip"}
    assert keyed([VIP, OTHER], given={}, labels={"vip": "VIP"}) == {"tag_1": "vip-tag-1", "tag_9": "vip-tag-9"}
    assert keyed([VIP, OTHER], given={"vip": "tag_9"}, labels={"vip": "VIP"}) == {"tag_1": "vip-tag-1", "tag_9": "vip"}
    renamed = {"vip": "Gold"}
    assert keyed([VIP], given={}, labels=renamed) == {"tag_9": "vip"}
    assert keyed([VIP, OTHER], given={}, labels=renamed) == {"tag_1": "vip-tag-1", "tag_9": "vip-tag-9"}


def test_a_key_that_was_given_to_something_that_is_gone_comes_to_nothing_by_chance() -> None:
    """It does only to what the config itself calls so: a name that was given may have been changed by an apply."""
    assert keyed([OTHER], given={"vip": "tag_9"}, labels={"vip": "Gold"}) == {"tag_1": "vip-tag-1"}
    assert keyed([OTHER], given={"vip": "Old name"}, labels={"vip": "VIP"}) == {"tag_1": "vip"}


def test_what_nobody_named_has_a_key_of_its_name() -> None:
    assert keyed([Thing("b", "Two Words"), Thing("a", "two words")], given={}, labels={}) == {"a": "two-words", "b": "two-words-b"}
    assert keyed([Thing("a", "New name")], given={}, labels={"new-name": "Written otherwise"}) == {"a": "new-name"}
    with pytest.raises(ReadFailed, match="2 tags are named 'vip' there"):
        keyed([VIP, OTHER], given={"vip": "vip"}, labels={}, what="tags")
