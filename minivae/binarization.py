"""Black and white pixels, drawn at random with the grey values as probabilities.

Three kinds of MNIST are in use. The paper trains on grey pixels in [0, 1] as they are. *Statically*
binarised data are drawn once (Salakhutdinov and Murray 2008); *dynamically* binarised ones anew
whenever a datapoint is fetched for training (Burda, Grosse and Salakhutdinov 2015), and once for
testing. The same model scores differently on each.
"""

from typing import Any

import numpy as np

BINARIZATIONS = ("static", "dynamic")
SCORES_DIFFER = (
    "Scores on grey, on statically and on dynamically binarised pixels differ: never compare them."
)

_ROWS = 1000  # at a time


def binarized(data: Any, how: str) -> Any:
    """Return a data set with black and white pixels.

    Parameters
    ----------
    data : Dataset
        With pixels in [0, 1], or uint8.
    how : str
        "static": both parts are drawn, always the same way. "dynamic": only the test set is, the
        same way; the training set stays grey, for ``fit(..., binarize=True)`` to draw from.

    Returns
    -------
    data : Dataset
        Of the same dtypes.

    Raises
    ------
    ValueError
        If `how` is unknown, or a pixel is no probability.
    """
    if how not in BINARIZATIONS:
        raise ValueError(f"binarize is {how!r}, expected one of {', '.join(BINARIZATIONS)}, None")
    train = data.train
    if how == "static":
        train = fixed_draw("train", train, seed=0)
    else:
        _check_probabilities("train", train)
    return data._replace(train=train, test=fixed_draw("test", data.test, seed=1))


def _check_probabilities(name: str, x: np.ndarray) -> None:
    """Raise ValueError unless every pixel is a probability, or of 255 as much as a byte says."""
    if x.dtype == np.uint8 or not x.size or (x.min() >= 0 and x.max() <= 1):  # NaN is neither
        return
    raise ValueError(f"{name} has pixels from {x.min():.6g} to {x.max():.6g}, expected [0, 1]")


def fixed_draw(name: str, x: np.ndarray, seed: int) -> np.ndarray:
    """Return `x` with every pixel drawn as 0 or 1, in uint8 as 0 or 255; `seed` decides how.

    Raises
    ------
    ValueError
        If a pixel is no probability; the message calls the data `name`.
    """
    _check_probabilities(name, x)
    # NumPy has frozen the stream of RandomState (NEP 19): everyone gets the same data set.
    rng = np.random.RandomState(seed)
    ones: np.ndarray
    drawn = np.empty_like(x)
    for start in range(0, len(x), _ROWS):
        part = x[start : start + _ROWS]
        if x.dtype == np.uint8:  # of 255 equally likely numbers, as many are below p as p says
            ones = 255 * (rng.randint(0, 255, part.shape, np.uint8) < part)
        else:
            ones = rng.random_sample(part.shape) < part
        drawn[start : start + _ROWS] = ones
    return drawn
