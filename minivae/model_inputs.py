"""What a model is given: parameters, data and noise, and what it refuses."""

import warnings

import numpy as np

from minivae.params import Params
from minivae.protocols import Likelihood
from minivae.validation import as_array, as_pixels


class ParamsInput:
    """Whatever has parameters: checks that they are its own.

    Attributes
    ----------
    param_shapes : dict of str to tuple of int
    """

    param_shapes: dict[str, tuple[int, ...]]

    def check_params(self, params: Params) -> None:
        """Raise ValueError unless `params` is laid out for this model."""
        fits = isinstance(params, Params) and params.shapes == self.param_shapes
        if not fits or params.names != list(self.param_shapes):
            came = repr(params) if isinstance(params, Params) else type(params).__name__
            raise ValueError(f"params is {came}, expected {Params(self.param_shapes)!r}")
        if params.dtype not in (np.float32, np.float64):
            raise ValueError(f"params has dtype {params.dtype}, expected float32 or float64")


class ModelInputs(ParamsInput):
    """Base class of `minivae.VAE`: checks arrays before they reach the mathematics.

    Attributes
    ----------
    n_features, n_latent : int
    likelihood : likelihood object
    """

    n_features: int
    n_latent: int
    likelihood: Likelihood

    def check_data(self, name: str, x: np.ndarray) -> np.ndarray:
        """Return a data set as this model takes it, or say under `name` what is wrong with it.

        Parameters
        ----------
        name : str
            What error messages call it.
        x : (N, n_features) array
            Floats, or uint8. Pixels stay uint8; there is a warning if none is larger than 1.

        Returns
        -------
        x : (N, n_features) contiguous array

        Raises
        ------
        ValueError
            If its shape does not fit the model, it is empty, or it has values that the likelihood
            cannot explain.
        """
        x = self._numbers(as_array(name, x), name)
        if x.dtype != np.uint8:
            x = as_pixels(x, np.float64 if x.dtype == np.float64 else np.float32, name)
        self._check_shape(name, x)
        if x.dtype != np.uint8:
            self.likelihood.check(x, name)
        elif x.max() == 1:
            warnings.warn(
                f"{name} has bytes of which none exceeds 1, taken for almost black pixels: 1 for "
                "1/255; if they are black and white, give them as bool",
                stacklevel=2,
            )
        return np.ascontiguousarray(x)

    def _numbers(self, x: np.ndarray, name: str) -> np.ndarray:
        """Return `x`, with bytes that are no pixels as floats."""
        if x.dtype != np.uint8:
            return x
        pixels = getattr(self.likelihood, "bytes_are_pixels", None)
        if pixels is None:
            raise ValueError(
                f"{name} has dtype uint8, expected a likelihood that says what bytes mean: give "
                f"{self.likelihood.name!r} an attribute bytes_are_pixels, True for grey values to "
                "be divided by 255, False for numbers to be taken as they are"
            )
        return x if pixels else x.astype(np.float32)

    def _check_shape(self, name: str, x: np.ndarray) -> None:
        if x.ndim != 2:
            raise ValueError(f"{name} has shape {x.shape}, expected (n, {self.n_features})")
        if x.shape[1] != self.n_features:
            raise ValueError(
                f"{name} has {x.shape[1]} features, the model expects {self.n_features}"
            )
        if len(x) == 0:
            raise ValueError(f"{name} has no datapoints, expected at least one")

    def check_x(self, params: Params, x: np.ndarray) -> np.ndarray:
        """Return datapoints in the dtype of `params`; both are checked."""
        self.check_params(params)
        x = as_pixels(self._numbers(as_array("x", x), "x"), params.dtype)
        self._check_shape("x", x)
        self.likelihood.check(x)
        return x

    def check_batch(
        self, params: Params, x: np.ndarray, noise: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return datapoints and noise in the dtype of `params`; all three are checked."""
        x = self.check_x(params, x)
        noise = np.ascontiguousarray(noise, params.dtype)
        if noise.ndim != 3 or len(noise) == 0 or noise.shape[1:] != (len(x), self.n_latent):
            raise ValueError(
                f"noise has shape {noise.shape}, expected (L, M, J) = (L, {len(x)}, "
                f"{self.n_latent}) with L >= 1"
            )
        return x, noise
