"""What a part of a model has to be, for whoever brings one of their own.

Nothing is inherited from these classes. They are `typing.Protocol`s: an object is a layer because
it has a layer's attributes and methods, and a type checker compares the two. At run time an object
that lacks something is refused at once, with the names of what is missing (`members`).

Some rules hold for all of them.

Sizes. M is the datapoints of a minibatch and m those of one thread's share of it, L the samples of
z for each, D the pixels (or features) of a datapoint, J the latents.

Rows. A minibatch is cut among threads, and each carries its datapoints through the model by itself:
what comes out for a datapoint depends on no other one. For the same reason an object remembers
nothing from one call to the next: several threads call it at once.

Numbers. All arrays that come in are float32 or float64, in the dtype of the parameters. What goes
out may be in another dtype or memory order, a view, or read-only, unless a method says otherwise:
it is copied where it does not fit. Log probabilities and divergences are in nats.

Memory. An array that comes in is not to be changed, unless its description says that it is
overwritten. `new` (see `New`) saves the time that fresh memory takes; nobody has to use it.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Protocol, TypeAlias

import numpy as np

from minivae.params import Arrays, Params


@cache
def members(protocol: type) -> tuple[str, ...]:
    """Return the names of what such an object has, in the order in which they stand here."""
    names = [name for base in reversed(protocol.__mro__) for name in vars(base)]
    return tuple(dict.fromkeys(name for name in names if not name.startswith("_")))


class New(Protocol):
    """Makes arrays as `numpy.empty` does, and may be `numpy.empty`.

    In training it hands out the same memory in every step. An array from it has arbitrary contents,
    belongs to whoever asked for it, and is good until the next step: what is to last longer is
    copied. A method whose argument it is can be called without it: ``new=np.empty`` is the default.
    A thread asks for the same arrays in the same order in every step.
    """

    def __call__(self, shape: tuple[int, ...], dtype: Any, /) -> np.ndarray:
        """Return a C-contiguous array of that shape and dtype."""
        ...


class Part(Protocol):
    """What a parameter's gradient is made of, as `minivae.parts.Product` and `Sum` are.

    A `typing.NamedTuple` whose fields are arrays, and nothing but arrays. Each has a row (its first
    axis) for every datapoint, or the same number of rows for each. Threads put the rows of all
    their parts together, one thread's after the other's, into a part of the same class, so that the
    order of the rows must not matter.

    The fields may be views, fresh arrays, or arrays from `new`. They are read when all threads have
    done their backward passes, so that nobody may change them after they have been handed over.
    """

    def __iter__(self) -> Iterator[np.ndarray]:
        """Give the fields, one after the other."""
        ...

    def write(self, out: np.ndarray, first: int = 0) -> None:
        """Compute some of the gradient.

        Parameters
        ----------
        out : (k,) array
            Overwritten with the gradient's entries from `first` on, the parameter's array taken as
            a vector, in C order. It has the parameters' dtype, whatever the fields have.
        first : int
            Where a row, numbers along the parameter's last axis, begins; `out` holds whole rows.
        """
        ...


Parts: TypeAlias = Mapping[str, Part]
"""What gradients are made of, by the parameters' names; that of a name left out is zero."""


class Layer(Protocol):
    """Some of the computation of an encoder or a decoder; `minivae.layers.Dense` is the example.

    Its parameters are handed to it. It is a row of layers (`minivae.layers.Sequential`) that calls
    it, in an encoder with n = m rows, in a decoder with n = L m.

    Two further attributes may be there:

    keeps_output : bool, True if absent
        Whether the h that `forward` returns has to stay as it is, because `backward` needs it or
        because it is a view of x. The last layer's h is overwritten by whoever gets it (a
        likelihood, for one), and copied before that unless this is False.
    name : str, the name of the class if absent
        What `load_model` asks for by ``own={name: ...}``.
    work : int, the number of the parameters if absent
        Multiplications per row, roughly: from it follows how many threads are worth their while. To
        be given by layers that use a parameter several times, such as a convolution.
    """

    @property
    def n_in(self) -> int:
        """Numbers that come in, per row."""
        ...

    @property
    def n_out(self) -> int:
        """Numbers that go out, per row."""
        ...

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The parameters' shapes by name, the same at every call; {} if there are none.

        The names are the layer's own, such as "W". In the model the third layer's is "decoder.W3".
        """
        ...

    def init(self, params: Arrays, rng: np.random.Generator, std: float) -> None:
        """Draw the parameters at the start of training.

        Parameters
        ----------
        params : dict of str to array
            By the names of `shapes`. Zero so far, and to be overwritten in place.
        rng : numpy.random.Generator
        std : float
            The standard deviation that the user wishes for weights. (Sec. 5 draws biases, too.)
        """
        ...

    def forward(self, params: Arrays, x: np.ndarray, new: New = np.empty) -> tuple[np.ndarray, Any]:
        """Carry rows through the layer.

        Parameters
        ----------
        params : dict of str to array
            By the names of `shapes`. They are views of the model's parameters: not to be changed.
        x : (n, n_in) array
            C-contiguous. Not to be changed, neither here nor in `backward`.
        new : New

        Returns
        -------
        h : (n, n_out) array
            A view of x is allowed.
        saved : anything
            What `backward` will need. It is handed back once, or not at all where no gradient is
            wanted. There may be other calls in between.
        """
        ...

    def backward(
        self,
        params: Arrays,
        saved: Any,
        dh: np.ndarray,
        new: New = np.empty,
        input_gradient: bool = True,
    ) -> tuple[np.ndarray | None, Parts]:
        """Carry the gradient of a scalar back through the layer.

        Parameters
        ----------
        params : dict of str to array
            As they were in `forward`.
        saved : anything
            From `forward`.
        dh : (n, n_out) array
            The gradient with respect to h, C-contiguous. It may be overwritten, and kept in parts.
        new : New
        input_gradient : bool
            Whether dx is wanted.

        Returns
        -------
        dx : (n, n_in) array or None
            The gradient with respect to x; None will do unless `input_gradient`. Whoever gets it
            overwrites it; where a part has the same memory, `Sequential` makes a copy first.
        parts : dict of str to Part
            What the parameters' gradients are made of, by the names of `shapes`: sums over the
            rows, such as ``{"W": Product(x, da), "b": Sum(da)}``.
        """
        ...


class Likelihood(Protocol):
    """p(x|z), given the decoder's outputs; `minivae.likelihoods.Bernoulli` is the example.

    A further attribute is asked for when data come as bytes:

    bytes_are_pixels : bool
        Whether uint8 data are grey values, to be divided by 255, or numbers to be taken as they
        are, such as counts. Without it (or if it is None) uint8 data are refused.
    """

    @property
    def name(self) -> str:
        """What messages and saved models call it."""
        ...

    @property
    def outputs_per_pixel(self) -> int:
        """How many numbers, K, the decoder emits for a pixel."""
        ...

    def log_prob_and_grad(
        self, out: np.ndarray, x: np.ndarray, scale: float, log_px: np.ndarray
    ) -> None:
        """Compute log p(x|z), and its gradient with respect to the decoder's outputs.

        Parameters
        ----------
        out : (L, m, K D) array
            The decoder's outputs, C-contiguous. Overwritten with `scale` times the gradient of
            each sample's log p(x|z).
        x : (m, D) array
            Pixels that `check` has let through.
        scale : float
            1 / (L M) for a mean over samples and minibatch.
        log_px : (L, m) array
            Overwritten with log p(x|z) of each sample, in nats: with all constants, summed over the
            pixels, and not multiplied by `scale`.
        """
        ...

    def mean(self, out: np.ndarray) -> np.ndarray:
        """Return E[x|z], (..., D), a new array, for outputs (..., K D)."""
        ...

    def sample(self, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw x given z: (..., D), a new array, for outputs (..., K D)."""
        ...

    def check(self, x: np.ndarray, name: str = "x") -> None:
        """Raise ValueError unless log p(x|z) is defined for every number.

        Parameters
        ----------
        x : (n, D) array
            Floats. (Bytes that are pixels come after the division by 255, or not at all.)
        name : str
            What the error message calls it.
        """
        ...


class Posterior(Protocol):
    """q(z|x), given the encoder's outputs; `minivae.posteriors.DiagonalGaussian` is the example.

    This is enough for the bound (eq. 7, 10) and for training with it; some other uses ask for a
    `PosteriorWithDensity`.
    """

    @property
    def name(self) -> str:
        """What messages and saved models call it."""
        ...

    def n_params(self, n_latent: int) -> int:
        """Return how many numbers the encoder emits for a datapoint, given J."""
        ...

    def draw_noise(self, rng: np.random.Generator, out: np.ndarray) -> None:
        """Draw eps, the randomness that `sample` turns into z.

        Parameters
        ----------
        rng : numpy.random.Generator
        out : (L, m, J) array
            Overwritten.
        """
        ...

    def sample(
        self, q_params: np.ndarray, noise: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute z = g(eps, x) and the bound's second term.

        Parameters
        ----------
        q_params : (m, n_params) array
            The encoder's outputs.
        noise : (L, m, J) array
            eps.
        new : New

        Returns
        -------
        z : (L, m, J) array
            A view of `q_params` is allowed: nobody overwrites it.
        minus_kl : (m,) array
            -KL(q(z|x) || N(0, I)) in nats. Where it has no simple form, an estimate from z: the
            mean over the L samples of log p(z) - log q(z|x).
        """
        ...

    def sample_backward(
        self,
        dz: np.ndarray,
        q_params: np.ndarray,
        noise: np.ndarray,
        scale: float,
        new: New = np.empty,
    ) -> np.ndarray:
        """Carry a gradient back through `sample`.

        Parameters
        ----------
        dz : (L, m, J) array
            The gradient, with respect to z, of what is computed from z alone.
        q_params, noise : array
            As they were in `sample`.
        scale : float
            The weight of every datapoint's -KL: 1 / M, or 0 for the chain rule through z alone.
        new : New

        Returns
        -------
        dq_params : (m, n_params) array
            The gradient, with respect to q_params, of (what is computed from z) + scale * (sum of
            minus_kl). If the latter is an estimate from z, this includes its way through z.
            Whoever gets it overwrites it.
        """
        ...


class PosteriorWithDensity(Posterior, Protocol):
    """A posterior of which more is known: q(z|x) at any z, its mean and its variance.

    Whoever needs just some of it defines just that: `log_density` is asked for by sampled
    estimators (eq. 6) and importance sampling, `log_density_grad` by sampled estimators and
    wake-sleep, `moments` by `VAE.encode`, and so by reconstructions and pictures of the latents.
    """

    def log_density(self, z: np.ndarray, q_params: np.ndarray) -> np.ndarray:
        """Return log q(z|x) in nats, (L, m), for z, (L, m, J), and q_params, (m, n_params)."""
        ...

    def log_density_grad(
        self, z: np.ndarray, q_params: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient of the sum of weights * log q(z|x), each argument by itself.

        Parameters
        ----------
        z : (L, m, J) array
        q_params : (m, n_params) array
        weights : (L, m) array

        Returns
        -------
        dz : (L, m, J) array
            With q_params held fixed.
        dq_params : (m, n_params) array
            With z held fixed, summed over the samples. Whoever gets it overwrites it.
        """
        ...

    def moments(self, q_params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the log variance of every latent given x: new arrays, (m, J)."""
        ...


class Estimator(Protocol):
    """What a gradient step ascends; `minivae.estimators.SGVBB` is the example.

    It is a set of settings that does not change. A checkpoint keeps them: the fields of a
    dataclass, of any other object the attributes.
    """

    @property
    def name(self) -> str:
        """What messages and checkpoints call it."""
        ...

    def draw_noise(
        self,
        vae: Any,
        rng: np.random.Generator,
        L: int,
        m: int,
        dtype: Any,
        new: New = np.empty,
    ) -> Any:
        """Draw all the randomness that `forward_backward` needs.

        It is tried with m = 1 before training starts, so that a ValueError refuses settings that do
        not go together.

        Parameters
        ----------
        vae : VAE
        rng : numpy.random.Generator
            Each thread has its own.
        L : int
            Samples for each datapoint (`noise_samples` of `minivae.fit`).
        m : int
        dtype : dtype
            Of the parameters.
        new : New

        Returns
        -------
        noise : anything
            For most estimators eps, (L, m, J), as from the `draw_noise` of ``vae.posterior``.
        """
        ...

    def forward_backward(
        self,
        vae: Any,
        params: Params,
        x: np.ndarray,
        noise: Any,
        M: int,
        state: dict[str, Any],
        new: New = np.empty,
    ) -> tuple[float, Parts]:
        """Compute what some datapoints contribute to the bound and to its gradient.

        It is a deterministic function of its arguments, and nothing of them is changed.

        Parameters
        ----------
        vae : VAE
            `VAE.forward_backward`, or `VAE.recognition`, `VAE.generative` and their backward passes
            do most of the work.
        params : Params
            Of the whole model.
        x : (m, D) array
            Pixels, in the dtype of the parameters.
        noise : anything
            From `draw_noise`.
        M : int
            Datapoints of the minibatch, in all threads together.
        state : dict of str to float or array
            What `update` has put there. To be read only.
        new : New

        Returns
        -------
        bound : float
            The sum over these datapoints of their bounds in nats, over M: what threads return adds
            up to the minibatch's mean. Training ends if the sum is not finite.
        parts : dict of str to Part
            By the names in `params`. What they add up to is ascended.
        """
        ...

    def update(self, state: dict[str, Any], bound: float) -> None:
        """Remember something after a step; most estimators do nothing here.

        Parameters
        ----------
        state : dict of str to float or array
            Empty at first, and kept in checkpoints. May be changed, here only.
        bound : float
            Of the minibatch, in nats per datapoint.
        """
        ...


class Optimizer(Protocol):
    """How parameters move along a gradient; `minivae.optimizers.Adagrad` is the example.

    It is a set of hyperparameters that does not change, kept in checkpoints like those of an
    `Estimator`. A further attribute may be there:

    step_size : float
        What the message of a diverged run advises to lower.
    """

    @property
    def name(self) -> str:
        """What messages and checkpoints call it."""
        ...

    def init(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return the state before the first step.

        Parameters
        ----------
        theta : (n,) array
            All parameters.

        Returns
        -------
        state : dict of str to (n,) array
            Vectors like theta, each a new array; {} if there is nothing to remember. A checkpoint
            has "params", "meta", "checksum", "file" and "state. ..." of its own.
        """
        ...

    def update(
        self,
        theta: np.ndarray,
        grad: np.ndarray,
        state: dict[str, np.ndarray],
        t: int,
        decay: float,
    ) -> None:
        """Take one step up along ``grad - decay * theta``, in place.

        Threads share the vectors among them, each calling this with its part: what happens to an
        entry depends on that entry of the vectors only.

        Parameters
        ----------
        theta : (k,) array
            Some of the parameters; overwritten.
        grad : (k,) array
            The gradient of the mean bound with respect to them.
        state : dict of str to (k,) array
            The same part of the vectors of `init`, which are to be overwritten in place. (A new
            array put into the dict is refused: it would be missing in a checkpoint.)
        t : int
            Counts updates of these parameters, from one.
        decay : float
            Precision of the weight prior per datapoint, 1 / N (sec. 5), or 0.
        """
        ...
