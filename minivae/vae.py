"""The variational autoencoder: its bound (eq. 10) and the bound's gradient, by hand.

The model is p(z) = N(0, I) and p(x|z) from the decoder; the recognition model q(z|x) is a diagonal
Gaussian whose mu and log sigma^2 come from the encoder (or another of `minivae.posteriors`).

Following one training step means reading `VAE._forward`, `VAE._backward` and `VAE.gradient`, a
dozen lines each. The first two treat every datapoint by itself; only the last adds up over a
minibatch. So threads can share the datapoints in the former and the parameters in the latter
(`minivae.minibatches`).
"""

from typing import NamedTuple

import numpy as np

from minivae.layers import get_activation
from minivae.likelihoods import LIKELIHOODS, get_likelihood
from minivae.mlp import MLP, Cache, mlp_backward, mlp_forward, mlp_gradient
from minivae.params import Params
from minivae.posteriors import get_posterior
from minivae.validation import as_pixels, check_count, check_dtype, check_rng
from minivae.workspace import Workspace


class _Tape(NamedTuple):
    """What the backward pass needs of the forward pass."""

    stats: np.ndarray
    noise: np.ndarray
    encoder_cache: Cache
    decoder_cache: Cache
    dout: np.ndarray


class Factors(NamedTuple):
    """What the gradient is made of: dW = x^T da, for the input x and the delta da of every layer.

    Attributes
    ----------
    encoder, decoder : tuple
        The lists ``(activations, deltas)`` of `mlp_forward`'s cache and of `mlp_backward`.
    """

    encoder: tuple
    decoder: tuple

    def of_whole_minibatch(self):
        """Return the same for all rows, where these are rows from a `WorkspacePart`."""
        return Factors(*([[rows.base for rows in part] for part in mlp] for mlp in self))


class VAE:
    """A variational autoencoder with MLP encoder and decoder.

    Parameters
    ----------
    n_features : int
        Pixels of a datapoint, D.
    n_latent : int
        Dimensions of z, J.
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

    Raises
    ------
    ValueError
        If a size is not a positive whole number or a name is unknown.

    Notes
    -----
    Wherever a method takes `x`, it is (M, n_features), one datapoint per row: floats, or bytes
    (uint8), which are grey pixels to be divided by 255, unless the likelihood is one of counts,
    which takes them as they are. All arithmetic is in the dtype of `params`.
    """

    def __init__(
        self,
        n_features,
        n_latent,
        hidden=(500,),
        likelihood="bernoulli",
        activation="tanh",
        posterior="gaussian",
    ):
        self.n_features = check_count("n_features", n_features)
        self.n_latent = check_count("n_latent", n_latent)
        self.hidden = tuple(check_count("hidden", width) for width in np.atleast_1d(hidden))
        self.likelihood = get_likelihood(likelihood)
        self.activation = get_activation(activation)
        self.posterior = get_posterior(posterior)
        n_stats = self.posterior.n_stats(self.n_latent)
        self.encoder = MLP("encoder", (self.n_features, *self.hidden, n_stats), self.activation)
        n_outputs = self.n_features * self.likelihood.outputs_per_pixel
        self.decoder = MLP(
            "decoder", (self.n_latent, *reversed(self.hidden), n_outputs), self.activation
        )
        self.param_shapes = {**self.encoder.shapes(), **self.decoder.shapes()}
        self._names = list(self.param_shapes)

    def __repr__(self):
        name = self.likelihood.name
        likelihood = name if LIKELIHOODS.get(name) == self.likelihood else self.likelihood
        usual = self.posterior.name == "gaussian"
        posterior = "" if usual else f", posterior={self.posterior.name!r}"
        return (
            f"VAE(n_features={self.n_features}, n_latent={self.n_latent}, hidden={self.hidden}, "
            f"likelihood={likelihood!r}, activation={self.activation.name!r}{posterior})"
        )

    def init_params(self, rng, dtype=np.float64, std=0.01):
        """Draw weights from N(0, std^2) and set biases to zero (sec. 5).

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
        if not 0 <= std < np.inf:
            raise ValueError(f"std is {std!r}, expected a number of at least 0")
        params = Params(self.param_shapes, dtype=check_dtype(dtype))
        for name in params.names:
            if params[name].ndim == 2:
                params[name][:] = std * rng.standard_normal(params[name].shape)
        return params

    # --- The bound and its gradient ---------------------------------------------------------------

    def elbo(self, params, x, noise):
        """Estimate the mean of the ELBO per datapoint, eq. (10), in nats.

        The arguments are those of `elbo_and_grad`.

        Returns
        -------
        elbo : float
        """
        log_px, minus_kl = self.elbo_terms(params, x, noise)
        return float(log_px.mean(dtype=np.float64) + minus_kl.mean(dtype=np.float64))

    def elbo_terms(self, params, x, noise, workspace=None):
        """Return the ELBO's two terms for each datapoint, in nats.

        The arguments are those of `elbo_and_grad`.

        Returns
        -------
        log_px : (L, M) array
            log p(x|z) of each sample.
        minus_kl : (M,) array
            -KL(q(z|x) || p(z)), or an estimate of it where the posterior has no closed form.
        """
        x, noise = self._check_batch(params, x, noise, workspace)
        log_px, minus_kl, _ = self._forward(params, x, x, noise, len(x), workspace or Workspace())
        return log_px, minus_kl

    def elbo_and_grad(self, params, x, noise, workspace=None):
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
        workspace : Workspace, optional
            Buffers to use again, for many calls in a row. With one, the returned gradient is good
            until the next call, and the values of `x` are taken as checked.

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
        x, noise = self._check_batch(params, x, noise, workspace)
        workspace = workspace or Workspace()
        elbo, factors = self.propagate(params, x, noise, len(x), workspace)
        grad = workspace.gradient(params)
        self.gradient(factors, grad, grad.shares(1)[0])
        return elbo, grad

    def propagate(self, params, x, noise, batch_size, workspace, inputs=None):
        """Carry datapoints forward and backward through the model: `elbo_and_grad`, first half.

        Parameters
        ----------
        params : Params
        x : (m, n_features) array of the parameters' dtype
            A minibatch or some of its datapoints. Nothing is checked.
        noise : (L, m, n_latent) array
        batch_size : int
            M, datapoints in the minibatch.
        workspace : Workspace
        inputs : (m, n_features) array, optional
            What the encoder sees in place of `x`, such as a corrupted copy of it.

        Returns
        -------
        elbo : float
            What these datapoints contribute to the minibatch's mean ELBO, in nats.
        factors : Factors
            For `gradient`.
        """
        inputs = x if inputs is None else inputs
        log_px, minus_kl, tape = self._forward(params, x, inputs, noise, batch_size, workspace)
        factors = self._backward(params, tape, batch_size, workspace)
        return float(log_px.sum() / len(noise) + minus_kl.sum()) / batch_size, factors

    def _forward(self, params, x, inputs, noise, M, workspace):
        L, m, _ = noise.shape
        stats, encoder_cache = mlp_forward(self.encoder, params, inputs, workspace)  # mu, log_var
        z, minus_kl = self.posterior.sample(stats, noise, workspace)  # eq. 9, app. B
        out, decoder_cache = mlp_forward(self.decoder, params, z, workspace)
        log_px = workspace.empty("log_px", (L * m,), x.dtype)
        self.likelihood.log_prob_and_grad(out, x, 1 / (L * M), log_px)  # eq. 11, 12
        tape = _Tape(stats, noise, encoder_cache, decoder_cache, dout=out)
        return log_px.reshape(L, m), minus_kl, tape

    def _backward(self, params, tape, M, workspace):
        decoder, encoder = tape.decoder_cache, tape.encoder_cache
        dz, decoder_deltas = mlp_backward(self.decoder, params, decoder, tape.dout, workspace)
        dstats = self.posterior.sample_backward(dz, tape.stats, tape.noise, 1 / M, workspace)
        _, encoder_deltas = mlp_backward(
            self.encoder, params, encoder, dstats, workspace, input_gradient=False
        )
        return Factors((encoder.activations, encoder_deltas), (decoder.activations, decoder_deltas))

    def gradient(self, factors, grad, share):
        """Write the gradient of the mean ELBO: `elbo_and_grad`, second half.

        Parameters
        ----------
        factors : Factors
            Of a whole minibatch.
        grad : Params
            Overwritten, as far as `share` goes.
        share : Share
            Of ``grad.shares(count)``.
        """
        mlp_gradient(self.encoder, *factors.encoder, grad, share)
        mlp_gradient(self.decoder, *factors.decoder, grad, share)

    # --- Using the model --------------------------------------------------------------------------

    def encode(self, params, x):
        """Return ``(mu, log_var)``: mean and log variance of q(z|x), each (M, n_latent)."""
        x = self._check_x(params, x)
        stats, _ = mlp_forward(self.encoder, params, x, Workspace())
        return self.posterior.moments(stats)

    def decode(self, params, z):
        """Return the mean of p(x|z), (n, n_features), for z of shape (n, n_latent)."""
        return self.likelihood.mean(self._decoder_outputs(params, z))

    def sample(self, params, n, rng, mean=False):
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

    def reconstruct(self, params, x):
        """Return the mean of p(x|z) at z = mu(x), (M, n_features)."""
        mu, _ = self.encode(params, x)
        return self.decode(params, mu)

    def _decoder_outputs(self, params, z):
        self.check_params(params)
        z = np.ascontiguousarray(z, params.dtype)
        if z.ndim != 2 or z.shape[1] != self.n_latent:
            raise ValueError(f"z has shape {z.shape}, expected (n, {self.n_latent})")
        out, _ = mlp_forward(self.decoder, params, z, Workspace())
        return out

    # --- Refusing what does not fit ---------------------------------------------------------------

    def check_params(self, params):
        """Raise ValueError unless `params` is laid out for this model."""
        fits = isinstance(params, Params) and params.shapes == self.param_shapes
        if not fits or params.names != self._names:
            came = repr(params) if isinstance(params, Params) else type(params).__name__
            raise ValueError(f"params is {came}, expected {Params(self.param_shapes)!r}")

    def check_data(self, name, x):
        """Return a data set as this model takes it, or say under `name` what is wrong with it.

        Parameters
        ----------
        name : str
            What error messages call it.
        x : (N, n_features) array
            Floats, or uint8. Pixels stay uint8.

        Returns
        -------
        x : (N, n_features) contiguous array

        Raises
        ------
        ValueError
            If its shape does not fit the model, it is empty, or it has values that the likelihood
            cannot explain.
        """
        x = self._numbers(np.asarray(x), name)
        if x.dtype != np.uint8:
            x = as_pixels(x, np.float64 if x.dtype == np.float64 else np.float32, name)
        self._check_shape(name, x)
        if x.dtype != np.uint8:
            self.likelihood.check(x, name)
        return np.ascontiguousarray(x)

    def _numbers(self, x, name):
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

    def _check_shape(self, name, x):
        if x.ndim != 2:
            raise ValueError(f"{name} has shape {x.shape}, expected (n, {self.n_features})")
        if x.shape[1] != self.n_features:
            raise ValueError(
                f"{name} has {x.shape[1]} features, the model expects {self.n_features}"
            )
        if len(x) == 0:
            raise ValueError(f"{name} has no datapoints, expected at least one")

    def _check_x(self, params, x, values=True):
        self.check_params(params)
        x = as_pixels(self._numbers(np.asarray(x), "x"), params.dtype)
        self._check_shape("x", x)
        if values:
            self.likelihood.check(x)
        return x

    def _check_batch(self, params, x, noise, workspace):
        x = self._check_x(params, x, values=workspace is None)
        noise = np.ascontiguousarray(noise, params.dtype)
        if noise.ndim != 3 or len(noise) == 0 or noise.shape[1:] != (len(x), self.n_latent):
            raise ValueError(
                f"noise has shape {noise.shape}, expected (L, M, J) = (L, {len(x)}, "
                f"{self.n_latent}) with L >= 1"
            )
        return x, noise
