"""Volumes and label maps: files, geometry, edits, components, comparison, and cases made by a program."""
