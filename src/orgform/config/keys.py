"""The one spelling of keys and of the words that name them.

Invariant: two spellings of one key become one string, wherever they are written: in a file, in an overlay, in a reference.
"""

from __future__ import annotations

from collections.abc import Sequence

from orgform.formats import normalise
from orgform.kinds import Kind, Kinds, Reference, resolve
from orgform.model import kind_of


def normal_key(kinds: Kinds, kind: Kind, key: str) -> str:
    """A key of `kind` as its address has it; what is no key stays nearly as it is."""
    spec = kind.key
    if spec is None:
        return key
    return normal_word(kinds, spec.references, key) if spec.references else normalise(spec.format, key)


def normal_word(kinds: Kinds, references: Sequence[Reference], word: str) -> str:
    """A referring word in the spelling of what it names: `Bob@Acme.com` -> `bob@acme.com`, prefixes kept."""
    try:
        address = resolve(tuple(references), word)
    except ValueError:
        return word
    named = kinds[kind_of(address)]
    prefix = next((r.prefix for r in references if r.kind == named.name and r.prefix and word.startswith(r.prefix)), "")
    return prefix + normalise(named.key.format if named.key else "", word.removeprefix(prefix))
