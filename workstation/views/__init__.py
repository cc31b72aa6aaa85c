"""Widgets: they read models and emit signals, and never write a model."""
