"""Gradients against finite differences: the check, and the table of all that the library has."""
