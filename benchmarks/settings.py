"""What is trained: models, minibatches, data and their order, the same for every program."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from minivae import VAE, load
from minivae.data_stream import INIT, ORDER, stream
from minivae.engine.team import default_threads
from minivae.layers import convnet, work

_RANDOM_SEED = 0
_N_TEST = 2_000  # of the random data sets
IMAGE = 28, 28  # of settings with convolutions


@dataclass(frozen=True)
class Setting:
    """A model and how it is trained: Adagrad on the mean bound with the MAP weight prior, float32.

    Attributes
    ----------
    name : str
        As given on the command line.
    n_features, n_hidden, n_latent : int
        Pixels, width of the hidden layers, dimensions of z.
    batch_size : int
        M.
    likelihood : str
        "bernoulli" or "gaussian-sigmoid".
    data : str
        "mnist" or "random" (see `random_pixels`).
    n_train : int
        N, the datapoints of an epoch.
    depth : int
        Hidden layers of encoder and of decoder. The rivals know only one.
    channels : tuple of int
        Of the convolutions before the hidden layer, and of their mirror in the decoder (28 x 28
        pixels, ReLU, Glorot's start); none by default. Of the rivals only PyTorch has them.
    step_size : float
        Adagrad's.
    remark : str
        On the data, for the title.
    """

    name: str
    n_features: int
    n_hidden: int
    n_latent: int
    batch_size: int = 100
    likelihood: str = "bernoulli"
    data: str = "mnist"
    n_train: int = 60_000
    depth: int = 1
    step_size: float = 0.02
    remark: str = ""
    channels: tuple[int, ...] = ()

    epsilon = 1e-8

    @property
    def title(self):
        """For tables and pictures."""
        convolved = "".join(f"{count} channels-" for count in self.channels)
        sizes = f"{self.n_features}-{convolved}{self.n_hidden}-{self.n_latent}"
        kind = "" if self.likelihood == "bernoulli" else " Gaussian"
        return f"{sizes}{kind}{self.remark}, M = {self.batch_size}"

    @property
    def decay(self):
        """Precision of the weight prior per datapoint, 1 / N."""
        return 1 / self.n_train

    @property
    def steps_per_epoch(self):
        """Whole minibatches in the training set."""
        return self.n_train // self.batch_size

    def vae(self):
        """Return the model."""
        if self.channels:
            of_both = self.channels, (self.n_hidden,)
            return VAE(
                encoder=convnet.encoder(IMAGE, 2 * self.n_latent, *of_both),
                decoder=convnet.decoder(IMAGE, self.n_latent, *of_both),
            )
        hidden = (self.n_hidden,) * self.depth
        return VAE(self.n_features, self.n_latent, hidden, self.likelihood)

    def default_threads(self):
        """Return how many threads `minivae.fit` would choose."""
        vae = self.vae()
        return default_threads(work(vae.encoder) + work(vae.decoder), self.batch_size)


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("784-500-20", 784, 500, 20),
        Setting("784-500-20-m500", 784, 500, 20, batch_size=500),
        Setting("784-500-20-grey", 784, 500, 20, data="random", remark=" grey"),
        Setting("784-500-2", 784, 500, 2),
        Setting("784-500-200", 784, 500, 200),
        Setting("64-100-2", 64, 100, 2, data="random"),
        Setting("560-200-10-gaussian", 560, 200, 10, likelihood="gaussian-sigmoid", data="random"),
        Setting("conv-16-32", 784, 128, 20, channels=(16, 32), step_size=0.002),
    )
}

MLPS = {name: setting for name, setting in SETTINGS.items() if not setting.channels}


def random_pixels(n, n_features, n_factors=2):
    """Make data that a VAE can learn something about: sigmoid(4 z W) plus noise, as uint8.

    Returns
    -------
    (n, n_features) uint8 array
    """
    rng = np.random.default_rng(_RANDOM_SEED)
    z = rng.standard_normal((n, n_factors), np.float32)
    W = rng.standard_normal((n_factors, n_features), np.float32)
    grey = 1 / (1 + np.exp(-4 * z @ W)) + 0.1 * rng.standard_normal((n, n_features), np.float32)
    return np.round(255 * grey.clip(0, 1)).astype(np.uint8)


@cache
def pixels(source, n_features, n_train):
    """Return (train, test), uint8 arrays with a datapoint per row, read or made only once."""
    if source == "mnist":
        data = load("mnist")
        return data.train, data.test
    data = random_pixels(n_train + _N_TEST, n_features)
    return data[:n_train], data[n_train:]


class Problem:
    """A setting with its data, the order in which they are seen, and the initial parameters.

    Parameters
    ----------
    setting : Setting
    seed : int
        For initial parameters, order and noise.
    """

    def __init__(self, setting, seed=0):
        self.setting, self.seed = setting, seed
        self._epoch = self._order = None

    @property
    def train(self):
        """(N, n_features) uint8 array."""
        return self._data()[0]

    @property
    def test(self):
        """(N_test, n_features) uint8 array."""
        return self._data()[1]

    def _data(self):
        setting = self.setting
        return pixels(setting.data, setting.n_features, setting.n_train)

    def train_as_floats(self):
        """Return the training set as float32 in [0, 1], for programs that keep it so."""
        return np.divide(self.train, 255, dtype=np.float32)

    def initial_params(self):
        """Return the `Params` that every program starts from."""
        return self.setting.vae().init_params(stream(self.seed, INIT), np.float32)

    def silenced_params(self):
        """Return initial parameters under which noise has no effect: sigma = exp(-20).

        For the first steps, programs that draw different noise must then agree.
        """
        params = self.initial_params()
        *_, last = self.setting.vae().encoder.shapes
        params[last][self.setting.n_latent :] = -40
        return params

    def minibatches(self, first, n_steps):
        """Return the rows of the data in steps `first` to ``first + n_steps - 1``.

        This is the order of `minivae.data_stream.MinibatchLoop`: a new permutation every epoch.

        Returns
        -------
        (n_steps, M) array of int
        """
        setting = self.setting
        rows = np.empty((n_steps, setting.batch_size), np.int64)
        for i in range(n_steps):
            epoch, step = divmod(first + i, setting.steps_per_epoch)
            if epoch != self._epoch:
                self._epoch = epoch
                self._order = stream(self.seed, ORDER, epoch).permutation(setting.n_train)
            start = step * setting.batch_size
            rows[i] = self._order[start : start + setting.batch_size]
        return rows
