"""WHAT is materialised."""

import warnings

import dagster as dg

# Backfill policies are beta and checks by partition a preview in Dagster 1.13; both are meant, and a person at the
# terminal cannot do anything about it.
for category in (dg.BetaWarning, dg.PreviewWarning):
    warnings.filterwarnings("ignore", category=category)
