"""A pipeline for tests: a small regression that can be told to break."""
