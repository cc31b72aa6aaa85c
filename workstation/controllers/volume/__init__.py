"""Volumes and their label maps: what is open, shown and measured."""
