"""Auto-Encoding Variational Bayes in plain NumPy."""
