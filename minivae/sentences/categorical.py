"""The likelihood of words: a softmax over all of them, from logits, by its logarithm.

    log p(w) = a_w - log sum_v exp(a_v),    d log p(w) / da_v = [v = w] - p(v)

The largest logit is taken off first, so that nothing overflows, and the logarithm is never taken of
a probability: a word that is hopeless has a log probability of -1000, not of -infinity.
"""

import numpy as np

from minivae.engine.mode import has_kernel


@has_kernel
def categorical(
    logits: np.ndarray, words: np.ndarray, largest: np.ndarray, scale: float, log_p: np.ndarray
) -> None:
    """Set log_p <- log softmax(logits) at the word of every row; logits <- scale * its gradient.

    Parameters
    ----------
    logits : (N, V) array
        Overwritten with `scale` times the gradient of each row's log p.
    words : (N,) array of int
        From 0 to V - 1.
    largest : (N,) array
        The largest logit of every row.
    scale : float
    log_p : (N,) array
        Overwritten, in nats.
    """
    rows = np.arange(len(words))
    logits -= largest[:, None]
    at_word = logits[rows, words]
    np.exp(logits, out=logits)
    total = logits.sum(axis=1, keepdims=True)
    log_p[:] = at_word - np.log(total[:, 0])
    logits *= -scale / total
    logits[rows, words] += scale
