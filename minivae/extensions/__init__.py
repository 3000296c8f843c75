"""What the paper and the lectures around it mention beside the standard VAE, each tied to an exact answer."""
