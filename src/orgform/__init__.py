"""orgform: a company's workspaces, domains, members, roles and feature flags as code."""

__version__ = "0.1.0"
