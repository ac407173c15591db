"""Plan, report and diagnostics documents -> what people and CI read.

Invariant: every renderer is a function of plain dicts and lists (the JSON documents), does no I/O, reads no clock and no environment,
and lets no control character of anybody's data through.
"""
