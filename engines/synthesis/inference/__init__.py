"""From an NCCT to a synthetic CTA that says that it is synthetic."""
