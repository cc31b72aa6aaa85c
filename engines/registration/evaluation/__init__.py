"""Scores of pairs and of networks, the bounds on either side, tables and pages."""
