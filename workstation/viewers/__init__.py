"""Canvases; the only place where napari is imported."""
