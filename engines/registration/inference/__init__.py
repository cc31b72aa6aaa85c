"""From two images to a transform: keypoints, matches, proposals, and who decides between them."""
