"""The cold chain of goods: the rules of places, what goods went through, and what is decided about them."""
