"""Runs that are live or over: when they start, how they go, what they left."""
