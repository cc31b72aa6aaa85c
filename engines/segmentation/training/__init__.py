"""Training of mask and grade as the shared loop sees it."""
