"""Measurements that a person starts: `python -m benchmarks --help`. Figures that were measured stand in README.md."""
