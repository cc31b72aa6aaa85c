"""Refinement: implicit fields over label and image that repair vessel labels."""
