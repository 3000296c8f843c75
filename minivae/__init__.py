"""Auto-Encoding Variational Bayes (Kingma and Welling, 2013) in plain NumPy, gradients by hand.

To read the library, follow the paper:

1. `minivae.params`, `minivae.layers`, `minivae.mlp`: parameters, a layer, layers in a row (app. C);
2. `minivae.gaussian`: z = mu + sigma * eps and the KL divergence (eq. 9, app. B);
3. `minivae.likelihoods`: p(x|z) for binary and for grey pixels (eq. 11, 12);
4. `minivae.vae`: the bound (eq. 10) and its gradient;
5. `minivae.optimizers`, `minivae.training`: Adagrad and algorithm 1;
6. `minivae.checks.gradcheck`: how to know that it is right;
7. `minivae.engine.kernels`: the loops that make it fast, each beside its NumPy form;
8. `minivae.estimators`, `minivae.posteriors`: other gradients, other families of q(z|x);
9. `minivae.evaluation.evidence`, `minivae.evaluation.hmc`: log p(x) (app. D); `minivae.baselines`: the paper's rivals;
   `minivae.experiments`: its figures;
10. `minivae.extensions`: full variational Bayes (app. F), sec. 2.4 in full, classical relatives.

The names below are loaded when first used, so that ``import minivae`` costs almost nothing.
"""

from importlib import import_module

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


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'minivae' has no attribute {name!r}")
    return getattr(import_module(f"minivae.{_HOMES[name]}"), name)


def __dir__():
    return sorted({*globals(), *_HOMES})
