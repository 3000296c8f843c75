"""Relatives of the VAE on MNIST: what each of them can do, and what only the VAE can.

PCA, an autoencoder and a VAE with the same networks, and both of these trained to denoise: all are
settings of one training loop. The table gives, for test digits,

    error       squared error of the reconstruction, per pixel
    repair      the same if half of the pixels were set to zero before encoding
    log p(x)    in nats per digit, by importance sampling; only a model with a posterior has it

and the picture what comes out if z is drawn from N(0, I), which is what a generative model is for.
(For PCA and the autoencoders that is a fair try only in the units of their own codes, so that z is
drawn with the mean and covariance of the codes of the training digits.)

    python examples/autoencoders.py [picture.png] [--samples 200000] [--latent 10] [--hidden 200]
"""

import argparse

import numpy as np

from minivae import VAE, Adam, fit, load
from minivae.estimators import Denoising
from minivae.evaluation import importance_sampling
from minivae.plots import check_path, image_grid, save, side_by_side

CORRUPTION = 0.5
SETTINGS = {
    "autoencoder": ("deterministic", None),
    "denoising autoencoder": ("deterministic", Denoising(CORRUPTION)),
    "VAE": ("gaussian", None),
    "denoising VAE": ("gaussian", Denoising(CORRUPTION)),
}


class PCA:
    """The projection onto the first principal components."""

    def __init__(self, x, n_components):
        self.mean = x.mean(axis=0)
        covariance = np.cov(x - self.mean, rowvar=False)
        self.components = np.linalg.eigh(covariance)[1][:, : -n_components - 1 : -1]

    def encode(self, x):
        """Return the coordinates of x."""
        return (x - self.mean) @ self.components

    def decode(self, z):
        """Return the point with these coordinates."""
        return self.mean + z @ self.components.T


class Network:
    """A trained `VAE` with the same two methods."""

    def __init__(self, vae, params):
        self.vae, self.params = vae, params

    def encode(self, x):
        """Return the mean of q(z|x)."""
        return self.vae.encode(self.params, x)[0]

    def decode(self, z):
        """Return the mean of p(x|z)."""
        return self.vae.decode(self.params, z)


def codes(model, train, n, rng):
    """Return n draws of z: from N(0, I) for a VAE, else from a Gaussian fitted to the codes."""
    if isinstance(model, Network) and model.vae.posterior.name == "gaussian":
        return rng.standard_normal((n, model.vae.n_latent))
    z = model.encode(train)
    covariance = np.atleast_2d(np.cov(z, rowvar=False))
    return rng.multivariate_normal(z.mean(axis=0), covariance, n)


def log_likelihood(model, x):
    """Return log p(x) and its standard error as text."""
    if not (isinstance(model, Network) and model.vae.posterior.name == "gaussian"):
        return "none"
    evidence = importance_sampling(model.vae, model.params, x, draws=200)
    return f"{evidence.values.mean():.1f}"


def main():
    """Train all, print the table, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", nargs="?", default="autoencoders.png")
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--latent", type=int, default=10)
    parser.add_argument("--hidden", type=int, default=200)
    arguments = parser.parse_args()
    check_path(arguments.picture)

    data, rng = load("mnist"), np.random.default_rng(0)
    train, test = data.train[:10_000] / 255, data.test[:1000] / 255
    corrupted = test * (rng.random(test.shape) >= CORRUPTION)
    models = {"PCA": PCA(train, arguments.latent)}
    for name, (posterior, estimator) in SETTINGS.items():
        # ReLU: tanh units of an autoencoder, which nothing holds back, soon saturate.
        vae = VAE(
            784, arguments.latent, (arguments.hidden,), activation="relu", posterior=posterior
        )
        result = fit(
            vae, data.train, arguments.samples, estimator=estimator, optimizer=Adam(2e-3),
            evaluate_every=None,
        )  # fmt: skip
        models[name] = Network(vae, result.params)

    print(f"{'model':<22} {'error':>8} {'repair':>8} {'log p(x)':>9}")
    grids = []
    for name, model in models.items():
        error, repair = (
            np.mean((model.decode(model.encode(x)) - test) ** 2) for x in (test, corrupted)
        )
        print(f"{name:<22} {error:>8.4f} {repair:>8.4f} {log_likelihood(model, test):>9}")
        drawn = model.decode(codes(model, train, 36, np.random.default_rng(1)))
        grids.append(image_grid(np.clip(drawn, 0, 1), data.image_shape, columns=6))
    save(side_by_side(grids, list(models)), arguments.picture)
    print(arguments.picture)


if __name__ == "__main__":
    main()
