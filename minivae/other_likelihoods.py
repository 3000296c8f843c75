"""p(x|z) beside the paper's: a Gaussian whose standard deviation is given, and counts."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from minivae.gaussian import LOG_2PI
from minivae.validation import check_finite, check_positive


@dataclass(frozen=True)
class FixedGaussian:
    """Independent Gaussian pixels whose standard deviation is given, not learned.

    Parameters
    ----------
    sigma : float
        The standard deviation of every pixel, from 1e-18 to 1e18: float32 holds its square.
    relu_mean : bool
        Whether the mean is ReLU(a) of the decoder's output a.

    Raises
    ------
    ValueError
        If `sigma` is no such number.
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
        if not 1e-18 <= check_positive("sigma", self.sigma) <= 1e18:
            raise ValueError(f"sigma is {self.sigma!r}, expected a number from 1e-18 to 1e18")

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
        check_finite(name, x, "pixels")


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
        check_finite(name, x, "pixels")
        if x.size and x.min() < 0:
            raise ValueError(
                f"{name} has counts down to {x.min():.6g}, expected at least 0 for a Poisson "
                "likelihood"
            )
