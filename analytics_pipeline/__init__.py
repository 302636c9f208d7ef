"""Collects how a business's social posts perform, keeps the history, and rolls it up."""
