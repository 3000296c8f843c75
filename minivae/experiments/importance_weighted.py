"""The curves of `table1`: VAEs of binarised digits, trained by importance-weighted bounds.

Burda, Grosse, Salakhutdinov, *Importance Weighted Autoencoders* (2015), section 5:
784-200-200-50-200-200-784, tanh, Glorot's start, binarised anew at every look, no weight prior.
The decoder's last biases start at the log odds of the mean training digit, as in the authors'
program (github.com/yburda/iwae). Adam with beta (0.9, 0.999) and epsilon 1e-4 has the step size
0.001 * 10^(-i/7) for 3^i passes over the training set, i = 0 .. 7, one stage after the other. At
the end of each a curve is measured: -log p(x) of the test digits (one fixed draw) by importance
sampling, and the number of active latents.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.special import logit

from minivae import datasets
from minivae.estimators import ImportanceWeighted
from minivae.evaluation.evidence import importance_sampling
from minivae.evaluation.latents import latent_usage
from minivae.experiments.curves import BOUNDS, Curve
from minivae.optimizers import Adam
from minivae.params import Params
from minivae.schedules import Scheduled, Stepwise
from minivae.vae import VAE
from minivae.validation import as_pixels

STAGES = 8
DRAWS = 5000  # samples of q(z|x) for log p(x)
BIASES = ("mean", "zero")
_LEAST = 1e-3  # of a pixel's mean, from which its log odds are taken; and 1 - _LEAST the most
_STEP_SIZE, _FACTORS = 1e-3, tuple(10 ** (-i / 7) for i in range(STAGES))


def passes_after(stages: int) -> int:
    """Return how many passes over the training set so many stages have: 1, 4, 13, ..., 3280."""
    return (3**stages - 1) // 2


@dataclass(frozen=True)
class ImportanceWeightedCurve(Curve):
    """A model of the table; see `Curve` for the other parameters.

    Parameters
    ----------
    hidden : int
        Units in each hidden layer.
    layers : int
        Hidden layers of encoder and decoder.
    k : int
        Samples of z in the importance-weighted bound; with one it is the VAE's.
    pass_size : int
        Datapoints in the training set.
    log_px_datapoints : int
        Estimate log p(x) on so many test datapoints.
    biases : str
        Where the decoder's last biases start: with "mean" at the log odds of the mean training
        datapoint, with "zero" at zero as all others.
    """

    batch_size: int = 20
    log_px_datapoints: int = 10_000
    layers: int = 2
    k: int = 1
    pass_size: int = 60_000
    biases: str = BIASES[0]

    methods: ClassVar[tuple[str, ...]] = ("iwae",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.biases not in BIASES:
            raise ValueError(f"biases is {self.biases!r}, expected one of {', '.join(BIASES)}")
        if self.batch_size > self.pass_size:
            raise ValueError(
                f"batch_size is {self.batch_size}, expected at most the {self.pass_size} training "
                "datapoints"
            )

    @property
    def name(self) -> str:
        """The name of its folder."""
        units = "-".join([str(self.hidden)] * self.layers)
        batches = "" if self.batch_size == 20 else f"-m{self.batch_size}"
        biases = "" if self.biases == BIASES[0] else f"-{self.biases}"
        return (
            f"{Path(self.dataset).stem}-h{units}-z{self.n_latent}-{self.method}-k{self.k}{batches}"
            f"{biases}{self.seed_suffix}"
        )

    @property
    def cost(self) -> tuple[int, ...]:
        """Something that grows with the time it takes."""
        return (self.samples * self.hidden * self.k,)

    @property
    def heading(self) -> tuple[str, ...]:
        """What of its settings stands before the columns in a table of several curves."""
        return ("dataset", "n_latent", "hidden", "layers", "k", "batch_size", "biases", "seed")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its curve.csv."""
        log_px = ("", "_error", "_mc_error", "_datapoints")
        return (
            "samples", "passes", "step_size", "seconds", *BOUNDS,
            *(f"test_log_px{suffix}" for suffix in log_px), "active_latents",
        )  # fmt: skip

    def load_data(self) -> datasets.Dataset:
        """Return its `Dataset`: the test set is black and white, the training set grey.

        Raises
        ------
        ValueError
            If the training set has another size than the schedule goes by.
        """
        data = datasets.load(self.dataset, self.data_path, "dynamic")
        if len(data.train) != self.pass_size:
            raise ValueError(
                f"pass_size is {self.pass_size}, but {self.dataset} has {len(data.train)} training "
                "datapoints"
            )
        return data

    def build_model(self, data: datasets.Dataset) -> VAE:
        """Return its `VAE`."""
        hidden = (self.hidden,) * self.layers
        return VAE(data.train.shape[1], self.n_latent, hidden, start="glorot")

    def first_params(self, vae: VAE, data: datasets.Dataset) -> Params:
        """Return where it starts: what `minivae.fit` draws, but for the decoder's last biases."""
        params = super().first_params(vae, data)
        if self.biases == "mean":
            mean = as_pixels(data.train, np.float32).mean(axis=0, dtype=np.float64)
            params[f"decoder.b{self.layers + 1}"][:] = logit(mean.clip(_LEAST, 1 - _LEAST))
        return params

    @property
    def samples_per_pass(self) -> int:
        """Training samples in whole minibatches."""
        return self.pass_size // self.batch_size * self.batch_size

    def fit_options(self) -> dict[str, Any]:
        """Return arguments for `fit`. They are the same for every budget."""
        updates = self.pass_size // self.batch_size  # in a pass
        ends = tuple(passes_after(i) * updates for i in range(1, STAGES))
        optimizer = Adam(_STEP_SIZE, 0.9, 0.999, epsilon=1e-4)
        return {
            "optimizer": Scheduled(optimizer, Stepwise(ends, _FACTORS[1:])),
            "estimator": ImportanceWeighted(),
            "noise_samples": self.k,
            "weight_prior": False,
            "binarize": True,
        }

    def measure(
        self, samples: int, vae: VAE, params: Params, data: datasets.Dataset, threads: int | None
    ) -> dict[str, float]:
        """Return what its columns have beside samples, seconds and bounds."""
        x = data.test[: self.log_px_datapoints]
        evidence = importance_sampling(vae, params, x, draws=DRAWS, seed=self.seed, threads=threads)
        schedule = self.fit_options()["optimizer"].schedule
        return {
            "passes": samples / self.samples_per_pass,
            "step_size": _STEP_SIZE * schedule.factor(samples // self.batch_size),
            "test_log_px": evidence.mean,
            "test_log_px_error": float(evidence.values.std() / len(x) ** 0.5),
            "test_log_px_mc_error": evidence.mean_error,
            "test_log_px_datapoints": len(x),
            "active_latents": int(latent_usage(vae, params, data.test).active.sum()),
        }
