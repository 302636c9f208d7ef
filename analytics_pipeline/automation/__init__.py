"""WHEN it is materialised."""
