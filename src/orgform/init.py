"""`orgform init`: the first config of a company, as somebody would write it who has done it before.

Invariant: what is written validates and plans as it stands, for every strategy and every name that is accepted here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from orgform.config.files import FolderFiles, is_within
from orgform.errors import OrgformError, UsageError

SCHEMA_FILE = "schemas/company.schema.json"
IGNORE_FILE = ".gitignore"
MODELINE = f"# yaml-language-server: $schema=./{SCHEMA_FILE}\n"

COMPANY = """\
{modeline}# {company}: everything that orgform manages, as files. Whatever is not written here is left alone.
#   orgform validate    is it right? offline
#   orgform plan        what would change, and who gains or loses access
#   orgform apply       make it so
orgform: 1

company: {{name: {name}, primary_domain: {domain}}}

# The live system. `local` keeps the company in a file beside this one, so that you can try everything; later name the real one here.
targets:
  {slug}: {{provider: local, database: {slug}.db}}

# Domains of the company; one of them is the primary. To let people in by their address, once the domain is verified:
#   example.com: {{auto_join: {{workspace: NAME, role: viewer}}}}
domains:
  {domain}: {{}}

# A plan that would leave fewer active admins than this is refused, and says how to let it pass.
policy:
  min_company_admins: 2
"""

PEOPLE = """\
{modeline}# Everybody, by e-mail address. Company-level roles that are built in: owner, admin, manager, member, viewer, standard.
members:
{members}  # With a last day and a reason; the day after, it counts as not written:
  # agency@{domain}: {{name: Ann Agency, role: standard, until: 2027-01-31, reason: launch campaign}}

# A group gets a role in a workspace as one: `group:operations: member`.
groups:
  operations: {{name: Operations, members: [{first}]}}
"""

FEATURES = """\
{modeline}# Feature flags: a type, a default, and what a workspace sets for itself under its own `features`.
features:
  beta-dashboard: {{type: boolean, default: false, description: New dashboard, owner: {first}}}
"""

WORKSPACES = {
    "by-brand": """\
{modeline}# One workspace for each brand. A new brand is one more word in `for_each`.
workspaces:
  "brand-{{{{ brand }}}}":
    for_each: {{brand: [x, y]}}
    use: standard
    name: "Brand {{{{ brand | upper }}}}"
    region: eu
    labels: {{brand: "{{{{ brand }}}}"}}
    settings: {{timezone: Europe/Berlin, currency: EUR}}

  # An entry of its own, for what is unlike the others.
  brand-lab:
    use: standard
    name: Brand lab
    region: eu
    features: {{beta-dashboard: true}}
""",
    "by-region": """\
{modeline}# One workspace for each region. Where its data lives is never changed in place: a plan that tries is refused.
workspaces:
  "region-{{{{ region }}}}":
    for_each: {{region: [us, eu, apac]}}
    use: standard
    name: "{{{{ region | upper }}}}"
    region: "{{{{ region }}}}"
    labels: {{region: "{{{{ region }}}}"}}
    settings:
      timezone: "{{{{ {{'us': 'America/New_York', 'eu': 'Europe/Berlin', 'apac': 'Asia/Singapore'}}[region] }}}}"
      currency: "{{{{ {{'us': 'USD', 'eu': 'EUR', 'apac': 'SGD'}}[region] }}}}"
""",
    "by-environment": """\
{modeline}# One workspace for each environment; only production is protected and keeps its data for long.
workspaces:
  "{{{{ environment }}}}":
    for_each: {{environment: [development, staging]}}
    use: standard
    name: "{{{{ environment | capitalize }}}}"
    region: eu
    labels: {{environment: "{{{{ environment }}}}"}}
    settings: {{retention_days: 30}}
    features: {{beta-dashboard: true}}

  production:
    use: standard
    name: Production
    region: eu
    labels: {{environment: production}}
    settings: {{retention_days: 365}}
    lifecycle: {{prevent_destroy: true}}
""",
}

TEMPLATES = """\
{modeline}# What workspaces have in common; an entry takes it with `use: standard`, and what the entry writes itself wins.
templates:
  workspace:
    standard:
      members:
        {first}: admin
        group:operations: member
"""

IGNORED = """\
# What orgform keeps for itself: the ledger (what was last applied) and the embedded database.
# To work on one company from several machines, share the ledger (`--ledger postgresql://...`) or plan with `--base REF`.
.orgform/
*.db
*.db-shm
*.db-wal
"""


def starter(*, strategy: str, company: str, domain: str, owners: Iterable[str]) -> dict[str, str]:
    """Relative file name -> text of a first config. Raises `UsageError` for names that a config could not hold."""
    if strategy not in WORKSPACES:
        raise UsageError(f"there is no strategy {strategy!r}", hint=f"choose one of {', '.join(WORKSPACES)}")
    _check_name(company)
    domain = _checked("fqdn-owned", domain)
    people = [_checked("email", owner) for owner in owners] or [f"owner@{domain}", f"admin@{domain}"]
    words = {
        "modeline": MODELINE,
        "company": company,
        "name": _quoted(company),
        "domain": domain,
        "slug": _slug(company),
        "members": _members(list(dict.fromkeys(people))),
        "first": _key(people[0]),
    }
    texts = {
        "company.yaml": COMPANY,
        "people.yaml": PEOPLE,
        "templates.yaml": TEMPLATES,
        "workspaces.yaml": WORKSPACES[strategy],
        "features.yaml": FEATURES,
    }
    return {IGNORE_FILE: IGNORED, **{name: text.format(**words) for name, text in texts.items()}}


def check_words(*, company: str = "Acme Corp", domain: str = "acme.com", owners: Iterable[str] = ()) -> None:
    """Raises `UsageError` for names that a config could not hold."""
    _check_name(company)
    _checked("fqdn-owned", domain)
    for owner in owners:
        _checked("email", owner)


def refuse_a_config(folder: Path) -> None:
    """Raises `OrgformError` where a first config would not be the first one there."""
    _refuse_a_config(folder, (*starter(strategy="by-brand", company="Acme Corp", domain="acme.com", owners=()), SCHEMA_FILE))


def write_starter(folder: Path, *, strategy: str, company: str, domain: str, owners: tuple[str, ...] = ()) -> Mapping[str, str]:
    """Writes the files of `starter` and the editor's schema. Raises `OrgformError` where the folder holds a config already."""
    files = starter(strategy=strategy, company=company, domain=domain, owners=owners)
    files[SCHEMA_FILE] = _schema()
    _refuse_a_config(folder, files)
    files[IGNORE_FILE] = _merged(folder / IGNORE_FILE, files[IGNORE_FILE])
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise OrgformError(f"{path} cannot be written: {error.strerror}", hint="choose another folder with -C DIR") from None
    return files


def _merged(path: Path, text: str) -> str:
    """What stands in an existing file stays; lines that it lacks are added."""
    try:
        there = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise OrgformError(f"{path} cannot be read: {error}", hint="choose another folder with -C DIR") from None
    missing = [line for line in text.splitlines() if line not in there.splitlines()]
    return there + ("\n" if there and not there.endswith("\n") else "") + "".join(line + "\n" for line in missing)


def _refuse_a_config(folder: Path, files: Iterable[str]) -> None:
    if folder.exists() and not folder.is_dir():
        raise OrgformError(f"{folder} is no folder", hint="choose another one with -C DIR")
    there = [name for name in files if name != IGNORE_FILE and (folder / name).exists()]
    there += [str(p.relative_to(folder)) for pattern in ("*.yaml", "*.yml") for p in sorted(folder.glob(pattern))]
    out = next((folder / name for name in (*files, IGNORE_FILE) if not is_within(folder, folder / name)), None)
    if out:
        raise OrgformError(f"{out} leads out of {folder}; nothing was written", hint="remove the link, or name another folder")
    if there:
        raise OrgformError(f"{folder} holds a config already ({there[0]}); nothing was written", hint="choose an empty folder with -C DIR")
    if folder.is_dir() and (below := FolderFiles(folder).listing().files):
        raise OrgformError(
            f"{folder / below[0]} would be read as a part of the config; nothing was written", hint="choose an empty folder with -C DIR"
        )


def _schema() -> str:
    from orgform.codec import encode_pretty
    from orgform.config import company_schema
    from orgform.kinds import load_kinds

    return encode_pretty(company_schema(load_kinds())).decode()


def _checked(format: str, value: str) -> str:
    from orgform import formats

    problem = formats.check(format, value)
    if problem:
        raise UsageError(problem.summary, hint=problem.fix)
    return formats.normalise(format, value)


def _check_name(company: str) -> None:
    if not company.strip() or not company.isprintable() or len(company) > 200:
        raise UsageError(f"{company!r} is no name for a company", hint="use up to 200 letters that can be printed")
    if re.search(r"\{[{%#]", company):
        raise UsageError(f"{company!r} would be read as a template", hint="leave out `{{`, `{%` and `{#`")


def _members(people: list[str]) -> str:
    return "".join(f"  {_key(mail)}: {{name: {_quoted(_person(mail))}, role: owner}}\n" for mail in people)


def _person(mail: str) -> str:
    """`alice.ng@acme.com` -> `Alice Ng`"""
    words = re.split(r"[._+-]+", mail.partition("@")[0])
    return " ".join(w.capitalize() for w in words if w) or mail


def _quoted(text: str) -> str:
    """A YAML scalar: plain where that is safe, else in double quotes (JSON's, which YAML reads alike)."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9 ]*[A-Za-z0-9]", text) and text.lower() not in {"true", "false", "null", "yes", "no", "on", "off"}:
        return text
    return json.dumps(text, ensure_ascii=False)


def _key(mail: str) -> str:
    return mail if re.fullmatch(r"[a-z0-9][a-z0-9._+-]*@[a-z0-9.-]+", mail) else json.dumps(mail)


def _slug(company: str) -> str:
    """A short name for the target and its file: `Acme Corp` -> `acme-corp`."""
    return re.sub(r"[^a-z0-9]+", "-", company.lower()).strip("-")[:40].strip("-") or "company"
