"""The catalogue of weights: what exists, where it comes from, its licence, size and hash."""
