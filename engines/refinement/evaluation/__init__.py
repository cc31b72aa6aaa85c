"""Refinement against clean labels: the noise bench, simple baselines, scores."""
