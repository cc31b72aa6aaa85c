"""The networks, what builds them again, and the noise that they are trained with."""
