"""`orgform attest ADDRESS`: somebody's word that a step was done by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from orgform.cli.options import CONFIG, LIVE, SCREEN, Day, chosen, common, examples, screen

EXAMPLES = examples(
    "orgform attest role/lead --by ann@acme.com --evidence OPS-12 -C acme",
    "orgform attest 'membership/brand-x-us/*' --by ann@acme.com -C acme",
)


@click.command("attest", epilog=EXAMPLES)
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@click.option("--by", metavar="EMAIL", required=True, help="Who did it, or looked that it is done.")
@click.option("--evidence", metavar="TEXT", default="", help="What shows it: a ticket, a link, a sentence.")
@click.option("--expires", type=Day(), help="First day that it counts no more (180 days from now, if not given).")
@click.option("--destroy", is_flag=True, help="Of the steps of `orgform plan --destroy`.")
@common(*CONFIG, *LIVE, "today", "allow", "allow-destroy", *SCREEN, formats=("text", "json"))
def command(addresses: tuple[str, ...], by: str, evidence: str, expires: date | None, destroy: bool, **values: Any) -> int:
    """Say that a step of the plan was done by hand, where nothing can read it back.

    Plans show it as attested, never as verified, until it expires; what can be read back needs nobody's word. Kept in the ledger. A glob
    ('membership/brand-x-us/*') stands for all steps that it names; an address that is attested already is so for longer.

    Exits 0; 1 failed; 3 config invalid; 4 a guard refuses that step; 64 when the plan asks nobody to do it.
    """
    from orgform import app
    from orgform.cli.ask import secret_question
    from orgform.cli.progress import Watch
    from orgform.codec import encode_pretty, to_builtins

    paper = screen(values)
    with Watch(paper) as watch:
        confirm = secret_question(paper, watch)
        options = chosen(values)
        words = app.attest(options, addresses, by=by, evidence=evidence, expires=expires, destroy=destroy, listen=watch, confirm=confirm)
    if paper.format == "json":
        paper.result(encode_pretty({"format": "orgform.attested/1", "attested": to_builtins(words)}))
    else:
        paper.result("".join(f"Attested: {w.address} by {w.by}, until {w.expires}.\n" for w in words))
    return 0
