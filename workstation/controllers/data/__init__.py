"""Data that comes in, is checked, and goes out."""
