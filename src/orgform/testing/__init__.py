"""Shipped test helpers: a live system in memory, scenario folders, the provider contract as checks."""
