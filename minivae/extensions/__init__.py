"""What the paper and the lectures around it have beside the VAE, each tied to an exact answer."""
