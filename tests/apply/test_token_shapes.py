"""What has the shape of a server's token is masked in every text, also where nobody told that it is one."""

from __future__ import annotations

import pytest

from orgform.redaction import redact

SECRET = "ZnRNZjzfNxZ5x6d9ORKqpa5DjhvFgDWhFZS08JC3SIg"
TOKEN = f"orgform_x35gnskuzwo0_{SECRET}"
MASKED = "orgform_x35gnskuzwo0_(secret)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (TOKEN, MASKED),
        (f"Bearer {TOKEN}, then", f"Bearer {MASKED}, then"),
        (f'{{"token":"{TOKEN}"}}', f'{{"token":"{MASKED}"}}'),
        (f"{TOKEN}\n{TOKEN}", f"{MASKED}\n{MASKED}"),
        (f"x{TOKEN}", f"x{MASKED}"),
        (TOKEN + SECRET, MASKED),
        (TOKEN[:-20], MASKED),
        (TOKEN.upper(), MASKED.upper().replace("SECRET", "secret")),
        (f"https://a.example/{TOKEN}?x={TOKEN}", f"https://a.example/{MASKED}?x={MASKED}"),
    ],
)
def test_a_token_is_masked_and_its_id_shown(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text", ["orgform", "orgform_x35gnskuzwo0", "orgform_environments_production", "orgform_changes", "ORGFORM_ALLOW_TARGETS"]
)
def test_what_is_none_stays(text: str) -> None:
    assert redact(text) == text
