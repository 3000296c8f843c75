"""The table of `minivae gradcheck`: random problems for every hand-derived gradient, by subject."""
