"""Models that are solved exactly, or by hand: what a VAE can be compared with."""
