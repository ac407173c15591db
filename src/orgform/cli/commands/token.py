"""`orgform token`: the tokens of a server, made, listed and revoked in its database.

Invariant: a token's text is printed once, alone on stdout, by the command that made it; it is read from stdin only, never from an argument.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orgform.cli.options import SCREEN, common, examples, screen
from orgform.cli.output import Screen
from orgform.errors import OrgformError, UsageError

if TYPE_CHECKING:
    from orgform.server.store import Store
    from orgform.server.tokens import Token

F = TypeVar("F", bound=Callable[..., Any])

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}
_EXAMPLES = "write 90d, 12h, or the last day as YYYY-MM-DD"
_LONGEST = 100 * 366


class Expiry(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """When a token ends: in so many hours or days, or with the end of a day (UTC)."""

    name = "90d|12h|YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        now = datetime.now(UTC)
        moment = value if isinstance(value, datetime) else _moment(str(value).strip(), now)
        if moment is None:
            self.fail(f"{value!r} is no time to expire; {_EXAMPLES}", param, ctx)
        if moment <= now:
            self.fail(f"{value!r} is over: a token that expires then would never work; {_EXAMPLES}", param, ctx)
        if moment > now + timedelta(days=_LONGEST):
            self.fail(f"{value!r} is more than a hundred years away; leave --expires out for a token that never expires", param, ctx)
        return moment


def _moment(text: str, now: datetime) -> datetime | None:
    """None where it is none. What is too far away to be a date is the last one there is."""
    if counted := re.fullmatch(r"([0-9]{1,18})([hd])", text, re.ASCII):
        try:
            return now + int(counted[1]) * _UNITS[counted[2]]
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)
    try:
        return datetime.strptime(text.rjust(10, "-"), "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except ValueError:
        return None
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _refuse_secret(type: click.ParamType, text: str, param: click.Parameter | None, ctx: click.Context | None) -> None:  # type: ignore[type-arg, unused-ignore]
    """A token that was pasted here would be kept in the database, and shown by `token list` and the audit log."""
    from orgform.redaction import redact

    if redact(text) != text:
        type.fail("a token is no name, and no command line is a place for one: it may be in the shell's history now; revoke it", param, ctx)


class Key(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A value of a format that configs know, in its normal spelling. `format`: its name, or what finds it out."""

    def __init__(self, name: str, format: Callable[[], str]) -> None:
        self.name, self._format = name, format

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from orgform import formats

        _refuse_secret(self, str(value), param, ctx)
        format = self._format()
        wrong = formats.check(format, str(value))
        if wrong:
            self.fail(f"{wrong.summary}: {wrong.fix}", param, ctx)
        return formats.normalise(format, str(value))


def _member_format() -> str:
    from orgform.kinds import load_kinds

    keys = (kind.key for kind in load_kinds().having_access("subject"))
    return next((key.format for key in keys if key and key.format), "name")


class Line(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Words for people: one line."""

    name = "NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from orgform.formats import CONTROL

        text = str(value).strip()
        _refuse_secret(self, text, param, ctx)
        if not text or len(text) > 200 or CONTROL.search(text):
            self.fail("a name is one line of 1 to 200 characters", param, ctx)
        return text


CREATE_EXAMPLES = examples(
    "orgform token create --company acme --scope write --expires 90d",
    "orgform token create --company acme --scope read --actor ci-plan",
)
REVOKE_EXAMPLES = examples(
    "orgform token revoke x35gnskuzwo0",
    "orgform token revoke - < token.txt  # where only the token is at hand",
)

COMPANY = Key("KEY", lambda: "slug")

database_option = click.option(
    "--database",
    envvar="ORGFORM_DATABASE",
    default="orgform.db",
    show_default=True,
    metavar="FILE|URL",
    help="The server's SQLite file or PostgreSQL URL; ORGFORM_DATABASE does the same and keeps a password off the command line.",
)


class Actions(click.Group):
    """What can be done with tokens; without one of these words there is nothing to do."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in self.commands or ctx.resilient_parsing or args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        import difflib

        close = difflib.get_close_matches(args[0], self.commands, n=1, cutoff=0.5)
        meant = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(self.commands)}"
        raise click.UsageError(f"tokens cannot be {args[0]!r}; {meant}", ctx)


@click.group("token", cls=Actions, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> int:
    """Create, list and revoke the tokens of a server.

    The commands work on the server's database, also while it runs; what they do holds at once.
    """
    if ctx.invoked_subcommand is None:
        raise click.UsageError("say what to do with tokens: create, list or revoke", ctx)
    return 0


@command.command("create", epilog=CREATE_EXAMPLES)
@database_option
@click.option("--company", required=True, type=COMPANY, help="Key of the company that it is good for, and no other.")
@click.option("--scope", required=True, type=click.Choice(("read", "write")), help="Whether it may change anything.")
@click.option(
    "--expires", type=Expiry(), metavar=Expiry.name, help="When it ends: after so many days or hours, or with a day (never, if not given)."
)
@click.option("--actor", type=Line(), help="Who the audit log says it was (the member, or the token's id, if not given).")
@click.option(
    "--member", type=Key("E-MAIL", _member_format), help="The company's member that it belongs to: orgform never removes that one."
)
@common(*SCREEN)
def create(database: str, company: str, scope: Any, expires: datetime | None, actor: str | None, member: str | None, **values: Any) -> int:
    """Make a token and print it, alone, on stdout. It is shown this once."""
    from orgform.server import tokens

    paper = screen(values)
    with _opened(database, create=True) as store:
        new = _is_missing(store)
        token, text = tokens.create(store, company=company, scope=scope, actor=actor or "", member=member or "", expires_at=expires)
        known = tokens.knows_company(store, company)
    paper.result(text + "\n")
    if new:
        paper.note(f"{store.name} was made: there was no database yet.")
    if not known:
        paper.note(f"The company {company} holds nothing yet; the first write with this token makes it.")
    paper.note(_remark(token))
    return 0


@command.command("list", short_help="Show the tokens, and whether they still work.")
@database_option
@click.option("--company", type=COMPANY, help="Only this company's.")
@common(*SCREEN, formats=("text", "json"))
def list_(database: str, company: str | None, **values: Any) -> int:
    """Show the tokens: whose they are, what they may do, whether they still work, and when they were last used."""
    from orgform.server import tokens
    from orgform.server.store import now

    paper = screen(values)
    with _opened(database, create=False) as store:
        found = tokens.listed(store, company)
    _show(paper, found, now(), f" of the company {company}" if company else "")
    return 0


@command.command("revoke", epilog=REVOKE_EXAMPLES)
@click.argument("id", metavar="ID|-")
@database_option
@common(*SCREEN)
def revoke(id: str, database: str, **values: Any) -> int:
    """Make a token worthless, at once and for good. ID is what `token list` shows; with `-` it, or the whole token, is read from stdin."""
    from orgform.server import tokens

    paper = screen(values)
    id = _named(id)
    with _opened(database, create=False) as store:
        before = tokens.revoke(store, id)
        if before is None:
            raise _unknown(id, store.name, [t.id for t in tokens.listed(store)])
    if before.revoked_at is not None:
        paper.result(f"The token {id} was revoked already, {_shown(before.revoked_at)}.\n")
    else:
        paper.result(f"The token {id} is revoked: company {before.company}, scope {before.scope}, actor {_clean(before.actor)}.\n")
    return 0


@contextmanager
def _opened(database: str, *, create: bool) -> Iterator[Store]:
    """Without `create`, what is not there stays so."""
    from orgform.server import Store

    store = Store(database)
    try:
        if not create and _is_missing(store):
            raise OrgformError(f"there is no database at {store.name}", hint="name it with --database FILE|URL, or ORGFORM_DATABASE")
        yield store
    finally:
        store.close()


def _is_missing(store: Store) -> bool:
    """A SQLite file that is not there. Whether a server has the database is for opening it to find out."""
    return "://" not in store.name and not Path(store.name).exists()


def _named(word: str) -> str:
    """The id that an argument or stdin names. What stands in an argument ends in the shell's history: no place for a whole token."""
    from orgform.server.tokens import id_in

    if word != "-":
        if found := id_in(word.strip()):
            raise UsageError(
                "that is a whole token, and a command line is no place for one: it may be in the shell's history now",
                hint=f"orgform token revoke {found}",
            )
        return word.strip()
    text = sys.stdin.read(4096).strip()
    if not text:
        raise UsageError("nothing came on stdin", hint="pipe a token, or its id, into `orgform token revoke -`")
    return id_in(text) or text


def _unknown(id: str, name: str, known: list[str]) -> OrgformError:
    import difflib

    begun = [k for k in known if id and k.startswith(id)]
    close = begun if len(begun) == 1 else difflib.get_close_matches(id, known, n=1, cutoff=0.7)
    hint = f"did you mean {close[0]}?" if close else "`orgform token list` shows the ids"
    return OrgformError(f"there is no token {_clean(id)[:40]!r} in {name}; nothing was revoked", hint=hint)


def _remark(token: Token) -> str:
    until = f"It expires {_shown(token.expires_at)}" if token.expires_at else "It never expires (--expires 90d would end it)"
    return f"The token {token.id} is shown this once; keep it where secrets are kept. {until}."


def _show(paper: Screen, found: list[Token], at: str, of: str) -> None:
    if paper.format == "json":
        from orgform.codec import encode_pretty

        return paper.result(encode_pretty({"format": "orgform.tokens/1", "tokens": [_document(token, at) for token in found]}))
    if not found:
        return paper.result(f"There are no tokens{of}.\n")
    from orgform.render.tables import table

    head = ("ID", "COMPANY", "SCOPE", "STATE", "EXPIRES", "LAST USED", "ACTOR")
    return paper.result(table(head, [_row(token, at) for token in found], color=paper.color, width=paper.width))


def _document(token: Token, at: str) -> dict[str, Any]:
    return {
        "id": token.id,
        "company": token.company,
        "scope": token.scope,
        "state": token.state(at),
        "actor": token.actor,
        "member": token.member or None,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "used_at": token.used_at,
    }


def _row(token: Token, at: str) -> tuple[str, ...]:
    expires = _shown(token.expires_at) if token.expires_at else "never"
    actor = "-" if token.actor == f"token:{token.id}" else token.actor
    if token.member not in ("", token.actor):
        actor += f" (member {token.member})"
    used = token.used_at[:10] if token.used_at else "never"
    return (token.id, token.company, token.scope, token.state(at), expires, used, _clean(actor))


def _shown(time: str) -> str:
    from orgform.render.view import moment

    return moment(time)


def _clean(text: str) -> str:
    from orgform.render.words import clean

    return clean(text)
