"""What training learns from, and how: images, warps, looks, labels, losses of each phase, expansion."""
