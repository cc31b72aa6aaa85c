"""Segmentation and grading of brain tumours: a diffusion model of masks with a grade head."""
