"""Reviewing results and the pieces of a label map."""
