"""From files to the desired state: `load_config` is the whole way; the rest is for export, init, tests and the schema.

Invariant: nothing here talks to a live system; the same files, variables and day give the same `Config`.
"""

from __future__ import annotations

from orgform.config.files import Files, FolderFiles
from orgform.config.gitfiles import GitFiles
from orgform.config.load import load_config
from orgform.config.schema import company_schema
from orgform.config.source import dump_yaml, escape_template, parse_yaml
from orgform.config.tree import Map, Seq

__all__ = ["Files", "FolderFiles", "GitFiles", "Map", "Seq", "company_schema", "dump_yaml", "escape_template", "load_config", "parse_yaml"]
