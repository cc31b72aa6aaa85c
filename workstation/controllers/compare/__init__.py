"""Comparing images, label maps and results, with numbers and figures."""
