"""G, R, D, G2 and the features of the perceptual term."""
