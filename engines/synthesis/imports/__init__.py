"""Configurations, logs and weights of earlier trainings."""
