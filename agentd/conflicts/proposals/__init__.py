"""Proposals: new bundles that the referee offers for what is stale or conflicts, never verdicts."""
