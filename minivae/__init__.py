"""Auto-Encoding Variational Bayes (Kingma and Welling, 2013) in plain NumPy, gradients by hand.

A step of the model, to be read in an afternoon beside the paper:

1. `minivae.params`, `minivae.layers.dense` with `activations` and `sequential`, `minivae.parts`:
   all parameters in one vector; a layer, and what its gradient is made of (app. C);
2. `minivae.gaussian`, `minivae.likelihoods`: q(z|x), z = mu + sigma * eps (eq. 9, app. B), and
   p(x|z) for binary and for grey pixels (eq. 11, 12);
3. `minivae.vae`: the bound (eq. 10) and its gradient;
4. `minivae.optimizers`, `minivae.data_stream`, `minivae.training.minibatch_loop`: algorithm 1.

The rest is fifteen times as much. `minivae.training` has `fit`, `minivae.estimators` other bounds,
`minivae.posteriors` other q(z|x). `minivae.checks.gradcheck` says how to know that it is right,
`minivae.evaluation` how good it is (app. D), `minivae.experiments` makes the figures,
`minivae.engine` makes it fast, and `minivae.protocols` is for those who bring parts of their own.

The names below are loaded when first used, so that ``import minivae`` costs almost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "VAE": "vae",
    "Params": "params",
    "Adagrad": "optimizers",
    "Adam": "optimizers",
    "SGD": "optimizers",
    "fit": "training",
    "check_grad": "checks.gradcheck",
    "load": "datasets",
    "load_model": "training.checkpoint",
    "save_model": "training.checkpoint",
}
__all__ = sorted(_HOMES)

if TYPE_CHECKING:  # what `__getattr__` finds when the program runs
    from minivae.checks.gradcheck import check_grad as check_grad
    from minivae.datasets import load as load
    from minivae.optimizers import SGD as SGD
    from minivae.optimizers import Adagrad as Adagrad
    from minivae.optimizers import Adam as Adam
    from minivae.params import Params as Params
    from minivae.training import fit as fit
    from minivae.training.checkpoint import load_model as load_model
    from minivae.training.checkpoint import save_model as save_model
    from minivae.vae import VAE as VAE


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'minivae' has no attribute {name!r}")
    return getattr(import_module(f"minivae.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
