"""p(x|z): what the decoder's outputs say about the pixels (eq. 11, 12).

A likelihood is any object with the attributes and methods of `Bernoulli` below: how many decoder
outputs a pixel takes, log p(x|z) with its gradient, the mean and a sample of x, and which x it can
explain. `bytes_are_pixels` says what uint8 data mean to it: grey values to be divided by 255, or
numbers to be taken as they are. `x` is (M, D); `out`, with L samples of z for each datapoint, is
(L, M, outputs_per_pixel * D).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, gammaln

from minivae.engine.mode import has_kernel
from minivae.gaussian import LOG_2PI
from minivae.protocols import Likelihood, members
from minivae.validation import check_positive, choose


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


def _require_finite(x: np.ndarray, name: str) -> None:
    if not np.all(np.isfinite(x)):
        bad = np.argwhere(~np.isfinite(x))
        raise ValueError(
            f"{name} has {len(bad)} values that are NaN or infinite (the first at index "
            f"{tuple(map(int, bad[0]))}), expected finite pixels"
        )


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
        """
        bernoulli(out, x, out.dtype.type(scale), log_px)

    def mean(self, out: np.ndarray) -> np.ndarray:
        """Return E[x|z], in [0, 1]."""
        return expit(out)

    def sample(self, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw x given z: zeros and ones."""
        return (rng.random(out.shape) < expit(out)).astype(out.dtype)

    def check(self, x: np.ndarray, name: str = "x") -> None:
        """Raise ValueError unless every pixel is in [0, 1]."""
        _require_finite(x, name)
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
        _require_finite(x, name)


@dataclass(frozen=True)
class FixedGaussian:
    """Independent Gaussian pixels whose standard deviation is given, not learned.

    Parameters
    ----------
    sigma : float
        The standard deviation of every pixel.
    relu_mean : bool
        Whether the mean is ReLU(a) of the decoder's output a.
    """

    sigma: float = 1.0
    relu_mean: bool = False
    outputs_per_pixel = 1
    bytes_are_pixels = True

    @property
    def name(self) -> str:
        """The name that `VAE` takes for it, with a standard deviation of 1."""
        return "gaussian-fixed-relu" if self.relu_mean else "gaussian-fixed"

    def __post_init__(self) -> None:
        check_positive("sigma", self.sigma)

    def log_prob_and_grad(
        self, out: np.ndarray, x: np.ndarray, scale: float, log_px: np.ndarray
    ) -> None:
        """Compute log p(x|z) and turn `out` into the gradient; see `Bernoulli`.

        d/da = (x - mean) / sigma^2, for a ReLU only where a > 0
        """
        variance = self.sigma**2
        if self.relu_mean:
            active = out > 0
            out *= active
        np.subtract(x, out, out=out)  # now the error x - mean
        constant = x.shape[1] * (LOG_2PI + np.log(variance))
        log_px[:] = -0.5 * (constant + np.einsum("...d,...d", out, out) / variance)
        if self.relu_mean:
            out *= active
        out *= scale / variance

    def mean(self, out: np.ndarray) -> np.ndarray:
        """Return E[x|z]."""
        return np.maximum(out, 0) if self.relu_mean else out.copy()

    def sample(self, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw x given z."""
        noise = rng.standard_normal(out.shape, out.dtype)
        return self.mean(out) + out.dtype.type(self.sigma) * noise

    def check(self, x: np.ndarray, name: str = "x") -> None:
        """Raise ValueError unless every pixel is finite."""
        _require_finite(x, name)


@dataclass(frozen=True)
class Poisson:
    """Independent counts with mean exp(a), for the decoder's output a.

    log p(x|z) = sum x a - exp(a) - log x!
    """

    name = "poisson"
    outputs_per_pixel = 1
    bytes_are_pixels = False

    def log_prob_and_grad(
        self, out: np.ndarray, x: np.ndarray, scale: float, log_px: np.ndarray
    ) -> None:
        """Compute log p(x|z) and turn `out` into the gradient; see `Bernoulli`.

        d/da log p(x|z) = x - exp(a)
        """
        rate = np.exp(out)
        log_px[:] = np.sum(x * out - rate - gammaln(x + 1), axis=-1)
        np.subtract(x, rate, out=out)
        out *= scale

    def mean(self, out: np.ndarray) -> np.ndarray:
        """Return E[x|z]."""
        return np.exp(out)

    def sample(self, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw x given z: whole numbers."""
        return rng.poisson(np.exp(out.astype(np.float64))).astype(out.dtype)

    def check(self, x: np.ndarray, name: str = "x") -> None:
        """Raise ValueError unless every count is finite and at least zero."""
        _require_finite(x, name)
        if x.size and x.min() < 0:
            raise ValueError(
                f"{name} has counts down to {x.min():.6g}, expected at least 0 for a Poisson "
                "likelihood"
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
