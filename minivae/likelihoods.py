"""p(x|z): what the decoder's outputs say about the pixels (eq. 11, 12).

A likelihood is any object with the attributes and methods of `Bernoulli` below: how many decoder
outputs a pixel takes, log p(x|z) with its gradient, the mean and a sample of x, and which x it can
explain. `bytes_are_pixels` says what uint8 data mean to it: grey values to be divided by 255, or
numbers to be taken as they are.

`x` is (M, D), `log_px`, in nats, (L, M), and `out`, with L samples of z for each datapoint, is
(L, M, outputs_per_pixel * D). `mean` and `sample` take n rows of it and give (n, D).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from minivae.engine.mode import has_kernel
from minivae.gaussian import LOG_2PI
from minivae.other_likelihoods import FixedGaussian, Poisson
from minivae.protocols import Likelihood, members
from minivae.validation import check_finite, choose


@has_kernel
def bernoulli(logits: np.ndarray, x: np.ndarray, scale: float, log_px: np.ndarray) -> None:
    """log_px <- sum over pixels of x a - log(1 + exp(a)); logits a <- scale * (x - sigmoid(a))."""
    log_px[:] = np.sum(x * logits - np.logaddexp(0, logits), axis=-1)
    logits[:] = scale * (x - np.exp(-np.logaddexp(0, -logits)))


@has_kernel
def gaussian(
    out: np.ndarray, x: np.ndarray, sigmoid_mean: bool, scale: float, log_px: np.ndarray
) -> None:
    """log_px <- -1/2 sum of log(2 pi) + log_var + (x - mean)^2 / var; out <- scale * gradient."""
    a, log_var = np.split(out, 2, axis=-1)
    mean = np.exp(-np.logaddexp(0, -a)) if sigmoid_mean else a
    slope = mean * (1 - mean) if sigmoid_mean else 1
    error, precision = x - mean, np.exp(-log_var)
    squared = error**2 * precision
    log_px[:] = -0.5 * np.sum(LOG_2PI + log_var + squared, axis=-1)
    a[:] = scale * error * precision * slope
    log_var[:] = scale / 2 * (squared - 1)


@dataclass(frozen=True)
class Bernoulli:
    """Independent pixels that are 1 with probability sigmoid(a) (eq. 11).

    The decoder emits logits a, and log p(x|z) = sum x a - log(1 + exp(a)). Grey pixels in [0, 1]
    are allowed, as in the paper.
    """

    name = "bernoulli"
    outputs_per_pixel = 1
    bytes_are_pixels = True

    def log_prob_and_grad(
        self, out: np.ndarray, x: np.ndarray, scale: float, log_px: np.ndarray
    ) -> None:
        """Compute log p(x|z) and turn `out` into the gradient.

            d/da log p(x|z) = x - sigmoid(a)

        Parameters
        ----------
        out : (L, M, D * outputs_per_pixel) array
            The decoder's outputs; overwritten with `scale` times the gradient.
        x : (M, D) array
        scale : float
            Weight of each sample, 1 / (L * M) for a mean over samples and minibatch.
        log_px : (L, M) array
            Overwritten with log p(x|z) of each sample, in nats.

        Raises
        ------
        ValueError
            If their shapes do not fit together: a kernel would read beyond them.
        """
        _check_shapes(out, x, log_px, 1)
        bernoulli(out, x, out.dtype.type(scale), log_px)

    def mean(self, out: np.ndarray) -> np.ndarray:
        """Return E[x|z], in [0, 1]."""
        return expit(out)

    def sample(self, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw x given z: zeros and ones."""
        return (rng.random(out.shape) < expit(out)).astype(out.dtype)

    def check(self, x: np.ndarray, name: str = "x") -> None:
        """Raise ValueError unless every pixel is in [0, 1]."""
        check_finite(name, x, "pixels")
        if x.size and (x.min() < 0 or x.max() > 1):
            raise ValueError(
                f"{name} has pixels from {x.min():.6g} to {x.max():.6g}, "
                "expected [0, 1] for a Bernoulli likelihood"
            )


@dataclass(frozen=True)
class Gaussian:
    """Independent Gaussian pixels, mean and log variance both from the decoder (eq. 12).

    Parameters
    ----------
    sigmoid_mean : bool
        Whether the mean goes through a sigmoid, as the paper does for Frey Faces.
    """

    sigmoid_mean: bool = False
    outputs_per_pixel = 2
    bytes_are_pixels = True

    @property
    def name(self) -> str:
        """The name that `VAE` takes for it."""
        return "gaussian-sigmoid" if self.sigmoid_mean else "gaussian"

    def log_prob_and_grad(
        self, out: np.ndarray, x: np.ndarray, scale: float, log_px: np.ndarray
    ) -> None:
        """Compute log p(x|z) and turn `out` into the gradient; see `Bernoulli`.

        With a, log_var the halves of `out`, m = a or sigmoid(a), r = (x - m) / sigma^2:

            d/da = r dm/da,    d/dlog_var = ((x - m) r - 1) / 2
        """
        _check_shapes(out, x, log_px, 2)
        gaussian(out, x, self.sigmoid_mean, out.dtype.type(scale), log_px)

    def mean(self, out: np.ndarray) -> np.ndarray:
        """Return E[x|z]."""
        a = out[..., : out.shape[-1] // 2]
        return expit(a) if self.sigmoid_mean else a.copy()

    def sample(self, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw x given z."""
        sigma = np.exp(out[..., out.shape[-1] // 2 :] / 2)
        return self.mean(out) + sigma * rng.standard_normal(sigma.shape, out.dtype)

    def check(self, x: np.ndarray, name: str = "x") -> None:
        """Raise ValueError unless every pixel is finite."""
        check_finite(name, x, "pixels")


def _check_shapes(out: np.ndarray, x: np.ndarray, log_px: np.ndarray, per_pixel: int) -> None:
    """Raise ValueError unless there are `per_pixel` outputs for every pixel of every sample."""
    L, M = log_px.shape
    if out.shape != (L, M, per_pixel * x.shape[-1]) or x.shape[:-1] != (M,):
        raise ValueError(
            f"out has shape {out.shape} for x of shape {x.shape} and log_px of shape "
            f"{log_px.shape}, expected (L, M, {per_pixel} D), (M, D) and (L, M)"
        )


LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": Bernoulli(),
    "gaussian": Gaussian(),
    "gaussian-sigmoid": Gaussian(sigmoid_mean=True),
    "gaussian-fixed": FixedGaussian(),
    "gaussian-fixed-relu": FixedGaussian(relu_mean=True),
    "poisson": Poisson(),
}


def get_likelihood(likelihood: str | Likelihood) -> Likelihood:
    """Return the likelihood of that name, or `likelihood` itself if it is an object.

    Raises
    ------
    ValueError
        If it is neither.
    """
    return choose("likelihood", likelihood, LIKELIHOODS, members(Likelihood))
