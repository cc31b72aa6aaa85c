"""Transforms between images: fitting them, bending them, mapping points and pixels, and files of them."""
