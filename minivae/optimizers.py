"""Stochastic gradient ascent on one flat vector: Adagrad (the paper's), SGD and Adam.

The contract. An optimizer is a frozen set of hyperparameters with two methods:

    state = optimizer.init(theta)
    optimizer.update(theta, grad, state, t, decay)

theta is an (n,) vector, grad another; `init` returns a dict of (n,) vectors (empty for plain SGD).
`update` changes theta and the vectors of `state` in place: a step *up* along
``grad - decay * theta``. `t` counts updates from one. All of it is elementwise: updating two halves
of the vectors is updating the whole.

The second term is the MAP prior of sec. 5: with p(theta) = N(0, I) and N datapoints, log p(theta)
adds -theta / N to the gradient of the mean bound, so ``decay = 1 / N``.
"""

from dataclasses import dataclass
from functools import cache
from typing import NoReturn

import numpy as np

from minivae.engine.mode import has_kernel
from minivae.validation import check_fraction, check_positive


@has_kernel
def adagrad(
    theta: np.ndarray,
    grad: np.ndarray,
    sum_of_squares: np.ndarray,
    step_size: float,
    decay: float,
    epsilon: float,
) -> None:
    """In place: G <- G + g^2, theta <- theta + step_size * g / (sqrt(G) + epsilon)."""
    g = grad - decay * theta
    sum_of_squares += g**2
    theta += step_size * g / (np.sqrt(sum_of_squares) + epsilon)


@has_kernel
def adam(
    theta: np.ndarray,
    grad: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    step_size: float,
    decay: float,
    rate1: float,
    rate2: float,
    epsilon: float,
) -> None:
    """In place: m, v <- running means of g and g^2, theta <- theta + step_size * m / sqrt(v).

    Their rates are 1 - beta, taken in float64: one minus a beta in float32 has few right digits.
    """
    g = grad - decay * theta
    m += rate1 * (g - m)
    v += rate2 * (g**2 - v)
    theta += step_size * m / (np.sqrt(v) + epsilon)


@cache  # every step asks
def _tiny(dtype: np.dtype) -> float:
    """Return the least that an epsilon may be in that dtype, not to be taken for zero."""
    return float(np.finfo(dtype).tiny)


def _refuse(theta: np.ndarray, *others: np.ndarray) -> NoReturn:
    shapes = " and ".join(str(other.shape) for other in others)
    raise ValueError(
        f"theta has shape {theta.shape} and its gradient and state {shapes}, expected vectors of "
        "the same length"
    )


@dataclass(frozen=True)
class Adagrad:
    """Adagrad (Duchi, Hazan, Singer 2011): a parameter's steps shrink with its past gradients.

    G <- G + g^2,    theta <- theta + step_size * g / (sqrt(G) + epsilon)

    Parameters
    ----------
    step_size : float
        The paper chooses it from 0.01, 0.02 and 0.1.
    epsilon : float
        Keeps the first step finite where the gradient is zero.
    """

    step_size: float = 0.02
    epsilon: float = 1e-8
    name = "adagrad"

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size)
        check_positive("epsilon", self.epsilon)

    def init(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return the state before the first step."""
        return {"sum_of_squares": np.zeros_like(theta)}

    def update(
        self,
        theta: np.ndarray,
        grad: np.ndarray,
        state: dict[str, np.ndarray],
        t: int,
        decay: float,
    ) -> None:
        """Take one step in place; see the module docstring."""
        G = state["sum_of_squares"]
        if not (theta.size,) == theta.shape == grad.shape == G.shape:  # kernels trust in it
            _refuse(theta, grad, G)
        real = theta.dtype.type
        epsilon = max(self.epsilon, _tiny(theta.dtype))
        adagrad(theta, grad, G, real(self.step_size), real(decay), real(epsilon))


@dataclass(frozen=True)
class SGD:
    """Plain stochastic gradient ascent: theta <- theta + step_size * g.

    Parameters
    ----------
    step_size : float
    """

    step_size: float = 1e-3
    name = "sgd"

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size)

    def init(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return the state before the first step: none."""
        return {}

    def update(
        self,
        theta: np.ndarray,
        grad: np.ndarray,
        state: dict[str, np.ndarray],
        t: int,
        decay: float,
    ) -> None:
        """Take one step in place; see the module docstring."""
        if not (theta.size,) == theta.shape == grad.shape:
            _refuse(theta, grad)
        theta += self.step_size * (grad - decay * theta)


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015): running means of the gradient and of its square.

    m <- beta1 m + (1 - beta1) g,    v <- beta2 v + (1 - beta2) g^2
    theta <- theta + step_size * m_hat / (sqrt(v_hat) + epsilon)

    with the bias corrections m_hat = m / (1 - beta1^t) and v_hat = v / (1 - beta2^t), where t
    counts steps, not epochs.

    Parameters
    ----------
    step_size : float
    beta1, beta2 : float
        Between 0 and 1.
    epsilon : float
    """

    step_size: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    name = "adam"

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size)
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)
        check_positive("epsilon", self.epsilon)

    def init(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return the state before the first step."""
        return {"m": np.zeros_like(theta), "v": np.zeros_like(theta)}

    def update(
        self,
        theta: np.ndarray,
        grad: np.ndarray,
        state: dict[str, np.ndarray],
        t: int,
        decay: float,
    ) -> None:
        """Take one step in place; see the module docstring."""
        m, v = state["m"], state["v"]
        if not (theta.size,) == theta.shape == grad.shape == m.shape == v.shape:
            _refuse(theta, grad, m, v)
        # Both bias corrections folded into two scalars: m_hat / (sqrt(v_hat) + epsilon) is
        # (root / (1 - beta1^t)) * m / (sqrt(v) + root * epsilon) with root = sqrt(1 - beta2^t).
        root = np.sqrt(1 - self.beta2**t)
        step_size = self.step_size * root / (1 - self.beta1**t)
        epsilon = max(root * self.epsilon, _tiny(theta.dtype))
        scalars = (step_size, decay, 1 - self.beta1, 1 - self.beta2, epsilon)
        adam(theta, grad, m, v, *map(theta.dtype.type, scalars))


OPTIMIZERS = {optimizer.name: optimizer for optimizer in (Adagrad, SGD, Adam)}
