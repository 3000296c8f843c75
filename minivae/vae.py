"""The variational autoencoder: its bound (eq. 10) and the bound's gradient, by hand.

The model is p(z) = N(0, I) and p(x|z) from the decoder; the recognition model q(z|x) is a diagonal
Gaussian whose mu and log sigma^2 come from the encoder (or another of `minivae.posteriors`).

One training step is `VAE.forward_backward`, a dozen lines: it is what runs, whatever the number of
threads.
"""

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minivae.layers import Activation, Sequential, get_activation
from minivae.likelihoods import LIKELIHOODS, get_likelihood
from minivae.model_inputs import ModelInputs
from minivae.networks import (
    ACTIVATION,
    HIDDEN,
    START,
    build_mlps,
    refuse_beside_networks,
    take_networks,
)
from minivae.params import Params
from minivae.parts import sum_up
from minivae.posteriors import check_own, get_posterior
from minivae.protocols import Layer, Likelihood, New, Parts, Posterior
from minivae.validation import check_count, check_dtype, check_has, check_rng


class VAE(ModelInputs):
    """A variational autoencoder.

    ``VAE(784, 20)`` has an MLP for encoder and another for decoder. Other networks are given layer
    by layer: ``VAE(encoder=[Dense(784, 500, "tanh"), Dense(500, 40)], decoder=[...])``.

    Parameters
    ----------
    n_features : int
        Pixels of a datapoint, D. (By default: the encoder's inputs.)
    n_latent : int
        Dimensions of z, J. (By default: the decoder's inputs.)
    hidden : sequence of int
        Widths of the encoder's hidden layers; the decoder has the same in reverse order. May be
        empty: both are linear then.
    likelihood : str or likelihood object
        p(x|z): "bernoulli", "gaussian" (mean and variance learned), "gaussian-sigmoid" (the same,
        the mean through a sigmoid), "gaussian-fixed" (standard deviation 1), "gaussian-fixed-relu"
        (the same, the mean through a ReLU), "poisson" (counts), or an object of
        `minivae.likelihoods`, such as ``FixedGaussian(0.1)``.
    activation : str or Activation
        Of the hidden layers: "tanh", "relu", "softplus", "sigmoid", "gelu", "identity", or an
        `minivae.layers.Activation` of your own.
    posterior : str or posterior object
        q(z|x): "gaussian" (the paper's), "full-covariance", "isotropic", "isotropic-relu",
        "laplace", "logistic", "deterministic" (a plain autoencoder), or an object of
        `minivae.posteriors`.
    start : str
        Where weights start: "normal" (sec. 5) or "glorot" (uniform, as wide as layers are narrow).
    encoder, decoder : sequence of layers or Sequential, optional
        In place of `hidden`, `activation` and `start`. The encoder ends in as many numbers as the
        posterior takes (mu and log sigma^2: 2 J), the decoder in as many as the likelihood takes.

    Attributes
    ----------
    encoder, decoder : Sequential
        Their parameters are called "encoder.W1", "encoder.b1", ..., "decoder.W1", ...
    param_shapes : dict of str to tuple of int
    hidden, activation, start
        As given; None for networks that were given layer by layer.

    Raises
    ------
    ValueError
        If a size is not a positive whole number, a name is unknown, an object lacks something,
        sizes do not fit together, `hidden`, `activation` or `start` is given beside networks, or
        the posterior's `draw_noise` does not fill what it is given.

    Notes
    -----
    Wherever a method takes `x`, it is (M, n_features), one datapoint per row: floats, or bytes
    (uint8), which are grey pixels to be divided by 255, unless the likelihood is one of counts,
    which takes them as they are. All arithmetic is in the dtype of `params`.

    Examples
    --------
    >>> vae, rng = VAE(5, 2, hidden=(4,)), np.random.default_rng(0)
    >>> params = vae.init_params(rng)
    >>> elbo, grad = vae.elbo_and_grad(params, rng.random((3, 5)), rng.standard_normal((1, 3, 2)))
    >>> grad["encoder.W1"].shape
    (5, 4)
    """

    hidden: tuple[int, ...] | None
    activation: Activation | None

    def __init__(
        self,
        n_features: int | None = None,
        n_latent: int | None = None,
        hidden: Sequence[int] = HIDDEN,
        likelihood: str | Likelihood = "bernoulli",
        activation: str | Activation = ACTIVATION,
        posterior: str | Posterior = "gaussian",
        *,
        start: str = START,
        encoder: Sequence[Layer] | Sequential | None = None,
        decoder: Sequence[Layer] | Sequential | None = None,
    ) -> None:
        self.likelihood = get_likelihood(likelihood)
        self.posterior = get_posterior(posterior)
        sizes, of_both = (n_features, n_latent), (self.likelihood, self.posterior)
        if encoder is None and decoder is None:
            self.hidden = tuple(check_count("hidden", width) for width in np.atleast_1d(hidden))
            self.activation = get_activation(activation)
            self.start: str | None = start
            networks = build_mlps(*sizes, self.hidden, self.activation, start, *of_both)
        else:
            self.hidden = self.activation = self.start = None
            refuse_beside_networks(hidden=hidden, activation=activation, start=start)
            networks = take_networks(*sizes, encoder, decoder, *of_both)
        self.encoder, self.decoder = networks
        self.n_features, self.n_latent = self.encoder.n_in, self.decoder.n_in
        check_own(self.posterior, self.n_latent)
        self.param_shapes = {**self.encoder.shapes, **self.decoder.shapes}

    def __repr__(self) -> str:
        name = self.likelihood.name
        likelihood = name if LIKELIHOODS.get(name) == self.likelihood else self.likelihood
        usual = self.posterior.name == "gaussian"
        posterior = "" if usual else f", posterior={self.posterior.name!r}"
        if self.activation is None:
            return (
                f"VAE(encoder={list(self.encoder.layers)!r}, decoder={list(self.decoder.layers)!r},"
                f" likelihood={likelihood!r}{posterior})"
            )
        start = "" if self.start == START else f", start={self.start!r}"
        return (
            f"VAE(n_features={self.n_features}, n_latent={self.n_latent}, hidden={self.hidden}, "
            f"likelihood={likelihood!r}, activation={self.activation.name!r}{posterior}{start})"
        )

    def init_params(
        self, rng: np.random.Generator, dtype: DTypeLike = np.float64, std: float = 0.01
    ) -> Params:
        """Draw weights from N(0, std^2) and set biases to zero, or as the layers say.

        Section 5 draws the biases as well.

        Parameters
        ----------
        rng : numpy.random.Generator
        dtype : dtype
            float32 to train, float64 to check gradients.
        std : float
            Standard deviation of the weights.

        Returns
        -------
        params : Params
            With arrays "encoder.W1", "encoder.b1", ..., "decoder.W1", ...
        """
        check_rng(rng)
        if not isinstance(std, numbers.Real) or not 0 <= std < np.inf:
            raise ValueError(f"std is {std!r}, expected a number of at least 0")
        params = Params(self.param_shapes, dtype=check_dtype(dtype))
        self.encoder.init(params, rng, std)
        self.decoder.init(params, rng, std)
        return params

    # --- The bound and its gradient ---------------------------------------------------------------

    def elbo(self, params: Params, x: np.ndarray, noise: np.ndarray) -> float:
        """Estimate the mean of the ELBO per datapoint, eq. (10), in nats.

        The arguments are those of `elbo_and_grad`.

        Returns
        -------
        elbo : float
        """
        log_px, minus_kl = self.elbo_terms(params, x, noise)
        return float(log_px.mean(dtype=np.float64) + minus_kl.mean(dtype=np.float64))

    def elbo_terms(
        self, params: Params, x: np.ndarray, noise: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the ELBO's two terms for each datapoint, in nats.

        The arguments are those of `elbo_and_grad`.

        Returns
        -------
        log_px : (L, M) array
            log p(x|z) of each sample.
        minus_kl : (M,) array
            -KL(q(z|x) || p(z)), or an estimate of it where the posterior has no closed form.
        """
        return self.terms(params, *self.check_batch(params, x, noise))

    def elbo_and_grad(
        self, params: Params, x: np.ndarray, noise: np.ndarray
    ) -> tuple[float, Params]:
        """Estimate the mean ELBO per datapoint, eq. (10), and its gradient.

            ELBO = mean_m [ mean_l log p(x_m | z_ml) - KL(q(z|x_m) || p(z)) ]

        Parameters
        ----------
        params : Params
            Laid out as by `init_params`.
        x : (M, n_features) array
        noise : (L, M, n_latent) array
            eps, L samples for each datapoint: standard normal for a Gaussian posterior, else what
            its `draw_noise` gives. The estimate is a deterministic function of its three arguments.

        Returns
        -------
        elbo : float
            In nats.
        grad : Params
            Gradient with respect to every parameter, laid out like `params`. Going along it
            *raises* the bound.

        Raises
        ------
        ValueError
            If an argument's shape does not fit the model, or `x` has values that the likelihood
            cannot explain.
        """
        x, noise = self.check_batch(params, x, noise)
        elbo, parts = self.forward_backward(params, x, noise, len(x))
        return elbo, sum_up(parts, params)

    def forward_backward(
        self,
        params: Params,
        x: np.ndarray,
        noise: np.ndarray,
        M: int,
        new: New = np.empty,
        inputs: np.ndarray | None = None,
    ) -> tuple[float, Parts]:
        """Carry datapoints forward and backward through the model. Nothing is checked.

        Parameters
        ----------
        params : Params
        x : (m, n_features) array of the parameters' dtype
            A minibatch or some of its datapoints.
        noise : (L, m, n_latent) array
        M : int
            Datapoints in the minibatch.
        new : callable
            Makes arrays as `numpy.empty` does.
        inputs : (m, n_features) array, optional
            What the encoder sees in place of `x`, such as a corrupted copy of it.

        Returns
        -------
        elbo : float
            What these datapoints contribute to the minibatch's mean ELBO, in nats.
        parts : dict of str to Product or Sum
            What they contribute to its gradient; `minivae.parts.sum_up` adds it up.
        """
        L = len(noise)
        q_params, encoder = self.recognition(params, x if inputs is None else inputs, new)
        z, minus_kl = self.posterior.sample(q_params, noise, new)  # eq. 9, app. B
        log_px, decoder = self.generative(params, z, x, 1 / (L * M), new)  # eq. 11, 12
        elbo = float(log_px.sum() / L + minus_kl.sum()) / M

        dz, decoder_parts = self.generative_backward(params, decoder, new)
        dq_params = self.posterior.sample_backward(dz, q_params, noise, 1 / M, new)
        encoder_parts = self.recognition_backward(params, encoder, dq_params, new)
        return elbo, {**encoder_parts, **decoder_parts}

    def terms(
        self, params: Params, x: np.ndarray, noise: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, np.ndarray]:
        """Do the work of `elbo_terms`. Nothing is checked."""
        q_params, _ = self.recognition(params, x, new)
        z, minus_kl = self.posterior.sample(q_params, noise, new)
        log_px, _ = self.generative(params, z, x, 1.0, new)
        return log_px, minus_kl

    def recognition(
        self, params: Params, x: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, Any]:
        """Carry x to the numbers that describe q(z|x).

        Returns
        -------
        q_params : (m, n_params) array
            For the posterior: mu and log sigma^2.
        saved : list
            For `recognition_backward`.
        """
        return self.encoder.forward(params, x, new)

    def recognition_backward(
        self, params: Params, saved: Any, dq_params: np.ndarray, new: New = np.empty
    ) -> Parts:
        """Return what the gradient of phi is made of, given that of q_params (overwritten)."""
        return self.encoder.backward(params, saved, dq_params, new, input_gradient=False)[1]

    def generative(
        self, params: Params, z: np.ndarray, x: np.ndarray, weight: float, new: New = np.empty
    ) -> tuple[np.ndarray, Any]:
        """Carry z to log p(x|z).

        Parameters
        ----------
        params : Params
        z : (L, m, n_latent) array
        x : (m, n_features) array
        weight : float
            Of each sample's log p(x|z) in what is to be differentiated: 1 / (L M) in a mean.
        new : callable

        Returns
        -------
        log_px : (L, m) array
            In nats.
        saved : tuple
            For `generative_backward`.
        """
        L, m = len(z), len(x)
        out, saved = self.decoder.forward(params, z.reshape(-1, self.n_latent), new)
        log_px = new((L, m), out.dtype)
        self.likelihood.log_prob_and_grad(out.reshape(L, m, -1), x, weight, log_px)
        return log_px, (saved, out, (L, m))  # `out` is now the gradient with respect to itself

    def generative_backward(
        self,
        params: Params,
        saved: Any,
        new: New = np.empty,
        weights: np.ndarray | None = None,
        input_gradient: bool = True,
    ) -> tuple[Any, Parts]:
        """Return the gradient with respect to z, and what that of theta is made of.

        Parameters
        ----------
        params : Params
        saved : tuple
            From `generative`; overwritten.
        new : callable
        weights : (L, m) array, optional
            Further weights of the samples, known only now.
        input_gradient : bool
            Whether dz is wanted.

        Returns
        -------
        dz : (L, m, n_latent) array or None
            None unless `input_gradient`.
        parts : dict of str to Product or Sum
        """
        layers, dout, (L, m) = saved
        if weights is not None:
            dout *= weights.reshape(-1, 1)
        dz, parts = self.decoder.backward(params, layers, dout, new, input_gradient)
        return dz.reshape(L, m, -1) if input_gradient else None, parts

    # --- Using the model --------------------------------------------------------------------------

    def encode(self, params: Params, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(mu, log_var)``: mean and log variance of q(z|x), each (M, n_latent).

        Raises
        ------
        ValueError
            If an argument does not fit, or the posterior has no `moments`.
        """
        x = self.check_x(params, x)
        check_has("posterior", self.posterior, ("moments",))
        q_params, _ = self.recognition(params, x)
        return self.posterior.moments(q_params)

    def decode(self, params: Params, z: np.ndarray) -> np.ndarray:
        """Return the mean of p(x|z), (n, n_features), for z of shape (n, n_latent)."""
        return self.likelihood.mean(self._decoder_outputs(params, z))

    def sample(
        self, params: Params, n: int, rng: np.random.Generator, mean: bool = False
    ) -> np.ndarray:
        """Draw x from the model: z from the prior, then x from p(x|z).

        Parameters
        ----------
        params : Params
        n : int
            How many.
        rng : numpy.random.Generator
        mean : bool
            Return the mean of p(x|z) in place of a draw from it, as pictures usually show.

        Returns
        -------
        x : (n, n_features) array
        """
        check_rng(rng)
        z = rng.standard_normal((check_count("n", n), self.n_latent))
        out = self._decoder_outputs(params, z)
        return self.likelihood.mean(out) if mean else self.likelihood.sample(out, rng)

    def reconstruct(self, params: Params, x: np.ndarray) -> np.ndarray:
        """Return the mean of p(x|z) at z = mu(x), (M, n_features)."""
        mu, _ = self.encode(params, x)
        return self.decode(params, mu)

    def _decoder_outputs(self, params: Params, z: np.ndarray) -> np.ndarray:
        self.check_params(params)
        z = np.ascontiguousarray(z, params.dtype)
        if z.ndim != 2 or z.shape[1] != self.n_latent:
            raise ValueError(f"z has shape {z.shape}, expected (n, {self.n_latent})")
        return self.decoder.forward(params, z)[0]
