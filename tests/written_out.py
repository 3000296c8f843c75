"""Training in plain NumPy and by the paper's formulas, for whole minibatches: the judge of `fit`.

No arithmetic and no bookkeeping is shared with the library, only names and settings are. What is
asked of the library is the order in which it draws: thread k has the generator ``NOISE, k``, and
takes from it for its rows of every minibatch first the pixels' binarisation, then what the
estimator needs. Here the threads' noise is put together again, and there is one minibatch.

Axes are written out, too: eps and z are (L, M, J), log p(x|z) is (L, M); x and the encoder's
outputs, of which there is one per datapoint, have 1 in place of L. Functions of the parameters take
many vectors of them at once, one per row, and then give one more axis, the first.

Gradients are taken by complex steps, Im f(theta + ih) / h, which subtract nothing and so are exact
but for rounding. All functions therefore take complex numbers, and decide at kinks by the real
part.
"""

import math

import numpy as np
from scipy.special import gammaln, ndtr

from minivae.data_stream import NOISE, ORDER

LOG_2PI = math.log(2 * math.pi)
_H = 1e-30


def gradient(f, vector):
    """The gradient of f, which takes vectors to one number each."""
    return f(vector + 1j * _H * np.eye(len(vector))).imag / _H


# --- Networks -------------------------------------------------------------------------------------


def positive_part(a):
    return np.where(a.real > 0, a, 0)


def magnitude(a):
    return np.where(a.real > 0, a, -a)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


ACTIVATIONS = {
    "identity": lambda a: a,
    "tanh": np.tanh,
    "relu": positive_part,
    "softplus": lambda a: np.log(1 + np.exp(a)),
    "sigmoid": sigmoid,
    "gelu": lambda a: a * ndtr(a),
}


def arrays(vae, vectors):
    """The named arrays that lie in a vector one after the other, with three axes each."""
    sizes = [math.prod(shape) for shape in vae.param_shapes.values()]
    parts = np.split(vectors, np.cumsum(sizes)[:-1], axis=-1)
    return {
        name: part.reshape(*vectors.shape[:-1], *(1, 1, *shape)[-3:])
        for (name, shape), part in zip(vae.param_shapes.items(), parts, strict=True)
    }


def network(vae, vectors, name, h):
    p = arrays(vae, vectors)
    depth = len(vae.hidden) + 1
    for k in range(1, depth + 1):
        h = h @ p[f"{name}.W{k}"] + p[f"{name}.b{k}"]
        h = ACTIVATIONS[vae.activation.name](h) if k < depth else h
    return h


def encode(vae, vectors, x):
    """q(z|x)."""
    q_params = network(vae, vectors, "encoder", x)
    return POSTERIORS[vae.posterior.name](q_params, vae.n_latent)


# --- q(z|x) ---------------------------------------------------------------------------------------


class Normal:
    """N(mu, C C^T), mu a row for each datapoint, C a matrix."""

    def __init__(self, mu, C):
        self.mu, self.C = mu, C
        self.log_det = np.log(np.einsum("...jj->...j", C)).sum(axis=-1)

    def z(self, eps):
        return self.mu + np.einsum("...ij,...j->...i", self.C, eps)

    def log_density(self, z):
        eps = np.linalg.solve(self.C, (z - self.mu)[..., None])[..., 0]
        return -0.5 * np.sum(LOG_2PI + eps**2, axis=-1) - self.log_det

    def minus_kl(self, eps):
        squares = np.sum(self.mu**2, axis=-1) + np.sum(self.C**2, axis=(-2, -1))
        return 0.5 * (self.mu.shape[-1] - squares) + self.log_det


class Scaled:
    """mu + s eps, eps with a density of its own; the KL is sampled."""

    def __init__(self, mu, log_s, log_base):
        self.mu, self.log_s, self.log_base = mu, log_s, log_base

    def z(self, eps):
        return self.mu + np.exp(self.log_s) * eps

    def log_density(self, z):
        eps = (z - self.mu) / np.exp(self.log_s)
        return np.sum(self.log_base(eps) - self.log_s, axis=-1)

    def minus_kl(self, eps):
        z = self.z(eps)
        return log_prior(z) - self.log_density(z)


class Point:
    """No distribution at all, and no KL."""

    def __init__(self, z):
        self._z = z

    def z(self, eps):
        return self._z + 0 * eps

    def minus_kl(self, eps):
        return np.zeros(self._z.shape[:-1])


def log_prior(z):
    return -0.5 * np.sum(LOG_2PI + z**2, axis=-1)


def diagonal(mu, log_var):
    return Normal(mu, np.exp(log_var / 2)[..., None] * np.eye(mu.shape[-1]))


def full(q_params, J):
    mu, log_diagonal, below = np.split(q_params, [J, 2 * J], axis=-1)
    C = np.zeros((*mu.shape, J), q_params.dtype)
    entries = iter(np.moveaxis(below, -1, 0))
    for i in range(J):
        for j in range(i):
            C[..., i, j] = next(entries)
        C[..., i, i] = np.exp(log_diagonal[..., i])
    return Normal(mu, C)


def laplace(eps):
    return -magnitude(eps) - math.log(2)


def logistic(eps):
    return -eps - 2 * np.log(1 + np.exp(-eps))


POSTERIORS = {
    "gaussian": lambda s, J: diagonal(s[..., :J], s[..., J:]),
    "full-covariance": full,
    "isotropic": lambda s, J: diagonal(s[..., :J], s[..., J:] * np.ones(J)),
    "isotropic-relu": lambda s, J: diagonal(positive_part(s[..., :J]), s[..., J:] * np.ones(J)),
    "laplace": lambda s, J: Scaled(s[..., :J], s[..., J:], laplace),
    "logistic": lambda s, J: Scaled(s[..., :J], s[..., J:], logistic),
    "deterministic": lambda s, J: Point(s),
}


# --- p(x|z) ---------------------------------------------------------------------------------------


def mean_and_log_var(likelihood, out):
    """Of Gaussian pixels."""
    if likelihood.name.startswith("gaussian-fixed"):
        mean = positive_part(out) if likelihood.name.endswith("relu") else out
        return mean, 2 * math.log(likelihood.sigma)
    a, log_var = np.split(out, 2, axis=-1)
    return (sigmoid(a) if likelihood.name == "gaussian-sigmoid" else a), log_var


def log_likelihood(likelihood, out, x):
    """log p(x|z), given the decoder's outputs."""
    if likelihood.name == "bernoulli":
        return np.sum(x * np.log(sigmoid(out)) + (1 - x) * np.log(sigmoid(-out)), axis=-1)
    if likelihood.name == "poisson":
        return np.sum(x * out - np.exp(out) - gammaln(x + 1), axis=-1)
    mean, log_var = mean_and_log_var(likelihood, out)
    return -0.5 * np.sum(LOG_2PI + log_var + (x - mean) ** 2 / np.exp(log_var), axis=-1)


def log_px(vae, vectors, z, x):
    return log_likelihood(vae.likelihood, network(vae, vectors, "decoder", z), x)


def pixels(vae, vector, z, noise):
    """x ~ p(x|z): black and white pixels by uniform noise, grey ones by normal noise."""
    out = network(vae, vector, "decoder", z)
    if vae.likelihood.name == "bernoulli":
        return np.where(noise < sigmoid(out), 1.0, 0.0)
    mean, log_var = mean_and_log_var(vae.likelihood, out)
    return mean + np.exp(log_var / 2) * noise


# --- Noise: arrays whose last axis but one is the datapoints --------------------------------------


def draw_eps(vae, rng, shape, dtype):
    if vae.posterior.name == "deterministic":
        return np.zeros(shape)
    if vae.posterior.name in ("laplace", "logistic"):
        return getattr(rng, vae.posterior.name)(size=shape)
    return rng.standard_normal(shape, dtype)


def draw(vae, estimator, rng, L, m, dtype):
    """What one thread draws for its m datapoints of a minibatch."""
    eps = draw_eps(vae, rng, (L, m, vae.n_latent), dtype)
    if estimator.name == "denoising":
        return [eps, rng.random((1, m, vae.n_features), dtype) >= estimator.corruption]
    if estimator.name == "wake-sleep":
        z = rng.standard_normal((1, m, vae.n_latent), dtype)
        return [eps, z, draw_pixel_noise(vae, rng.integers(2**64, dtype=np.uint64), m, dtype)]
    return [eps]


def draw_pixel_noise(vae, seed, m, dtype):
    """For m dreams: a thread gives every minibatch of them a generator of its own."""
    rng, shape = np.random.default_rng(seed), (1, m, vae.n_features)
    if vae.likelihood.name == "bernoulli":
        return rng.random(shape)
    return rng.standard_normal(shape, dtype)


# --- Estimators: ``(bound, ascended)``, both functions of the parameters --------------------------
# `here` are the parameters at which the step is taken, for what is held fixed in the gradient, and
# `bounds` are those of the minibatches before.


def mean(values):
    """Over samples and datapoints."""
    return np.mean(values, axis=(-2, -1))


def estimator_b(vae, estimator, here, x, noise, bounds):
    return 2 * (lambda vectors: evidence_bound(vae, vectors, x, *noise, inputs=x),)


def denoising(vae, estimator, here, x, noise, bounds):
    eps, kept = noise
    return 2 * (lambda vectors: evidence_bound(vae, vectors, x, eps, inputs=x * kept),)


def evidence_bound(vae, vectors, x, eps, inputs):
    q = encode(vae, vectors, inputs)
    return mean(log_px(vae, vectors, q.z(eps), x)) + mean(q.minus_kl(eps))


def estimator_a(vae, estimator, here, x, noise, bounds):
    return 2 * (lambda vectors: mean(learning_signal(vae, vectors, x, *noise)),)


def learning_signal(vae, vectors, x, eps):
    """f = log p(x, z) - log q(z|x), (L, M)."""
    q = encode(vae, vectors, x)
    z = q.z(eps)
    return log_px(vae, vectors, z, x) + log_prior(z) - q.log_density(z)


def importance_weighted(vae, estimator, here, x, noise, bounds):
    def bound(vectors):
        f = learning_signal(vae, vectors, x, *noise)
        top = f.real.max(axis=-2, keepdims=True)
        return mean(top + np.log(np.mean(np.exp(f - top), axis=-2, keepdims=True)))

    return bound, bound


def score_function(vae, estimator, here, x, noise, bounds):
    """The mean of (f - b) dlog q(z|x)/dphi: through q_params, each of which has its b."""
    q_params = network(vae, here, "encoder", x)
    z = encode(vae, here, x).z(*noise)
    f = learning_signal(vae, here, x, *noise)
    scores = score(vae, q_params, z)
    signal = f[..., None] - baseline(estimator, f, scores, bounds)
    dq_params = np.mean(signal * scores, axis=0) / f.shape[1]

    def ascended(vectors):
        through_q_params = np.sum(
            dq_params * network(vae, vectors, "encoder", x), axis=(-3, -2, -1)
        )
        return mean(log_px(vae, vectors, z, x)) + through_q_params

    return estimator_a(vae, estimator, here, x, noise, bounds)[0], ascended


def score(vae, q_params, z):
    """dlog q(z|x)/dq_params, for every sample, datapoint and number of q: (L, M, n_params)."""
    n = q_params.shape[-1]
    moved = q_params + 1j * _H * np.eye(n).reshape(n, 1, 1, n)
    log_q = POSTERIORS[vae.posterior.name](moved, vae.n_latent).log_density(z)
    return np.moveaxis(log_q.imag / _H, 0, -1)


def baseline(estimator, f, scores, bounds):
    """b, an array that broadcasts against the scores."""
    if estimator.baseline == "running" and bounds:
        ages = np.arange(len(bounds))[::-1]
        return np.average(bounds, weights=estimator.memory_decay**ages)
    if estimator.baseline != "optimal":
        return 0.0
    b = np.zeros_like(scores)
    for sample in range(len(f)):
        others = [k for k in range(len(f)) if k != sample]
        above = sum(f[k, :, None] * scores[k] ** 2 for k in others)
        below = sum(scores[k] ** 2 for k in others)
        np.divide(above, below, out=b[sample], where=below > 0)  # a score that is 0 needs none
    return b


def wake_sleep(vae, estimator, here, x, noise, bounds):
    eps, dream_z, pixel_noise = noise
    z = encode(vae, here, x).z(eps)
    dream_x = pixels(vae, here, dream_z, pixel_noise)

    def ascended(vectors):
        wake = mean(log_px(vae, vectors, z, x))
        return wake + mean(encode(vae, vectors, dream_x).log_density(dream_z))

    return estimator_b(vae, estimator, here, x, [eps], bounds)[0], ascended


ESTIMATORS = {
    "sgvb-b": estimator_b,
    "sgvb-a": estimator_a,
    "importance-weighted": importance_weighted,
    "score-function": score_function,
    "denoising": denoising,
    "wake-sleep": wake_sleep,
}


# --- Optimizers: the step that follows from all gradients so far ----------------------------------


def sgd(optimizer, g):
    return optimizer.step_size * g[-1]


def adagrad(optimizer, g):
    root = np.sqrt(np.sum(np.square(g), axis=0))
    return optimizer.step_size * g[-1] / (root + optimizer.epsilon)


def adam(optimizer, g):
    ages = np.arange(len(g))[::-1]
    m = np.average(g, axis=0, weights=optimizer.beta1**ages)
    v = np.average(np.square(g), axis=0, weights=optimizer.beta2**ages)
    return optimizer.step_size * m / (np.sqrt(v) + optimizer.epsilon)


OPTIMIZERS = {"sgd": sgd, "adagrad": adagrad, "adam": adam}


def move(optimizer, g):
    """Every optimizer's step is as long as its step size says, of which a schedule says more."""
    if optimizer.name != "scheduled":
        return OPTIMIZERS[optimizer.name](optimizer, g)
    before = [after for after in optimizer.schedule.after if after < len(g)]
    return (1.0, *optimizer.schedule.factors)[len(before)] * move(optimizer.optimizer, g)


# --- Algorithm 1 ----------------------------------------------------------------------------------


def generator(seed, *name):
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=name))


def minibatch_rows(n, batch_size, step, seed):
    """Whole minibatches, in a new order every epoch."""
    epoch, i = divmod(step, n // batch_size)
    return generator(seed, ORDER, epoch).permutation(n)[i * batch_size : (i + 1) * batch_size]


def draw_minibatch(vae, estimator, threads, parts, x, L, binarize):
    """The minibatch and its noise, as its threads draw it for `parts` of its rows each."""
    xs, noises = [], []
    for rng, rows in zip(threads, np.split(x, np.cumsum(parts)[:-1]), strict=True):
        xs.append(rng.random(rows.shape, rows.dtype) < rows if binarize else rows)
        noises.append(draw(vae, estimator, rng, L, len(rows), rows.dtype))
    noise = [np.concatenate(kind, axis=-2) for kind in zip(*noises, strict=True)]
    return np.concatenate(xs).astype(np.float64)[None], noise


def train(
    vae,
    data,
    start,
    *,
    steps,
    parts,
    noise_samples,
    estimator,
    optimizer,
    weight_prior,
    alternate,
    binarize,
    seed,
    dtype,
):
    """The parameters after so many steps, and the bounds of the minibatches.

    `parts` says how many datapoints of a minibatch each thread has; the other arguments are those
    of `minivae.fit`.
    """
    theta, bounds, N = start.copy(), [], len(data)
    encoder = sum(array.size for name, array in arrays(vae, theta).items() if "encoder" in name)
    turns = [slice(encoder), slice(encoder, None)] if alternate else [slice(None)]
    gradients = [[] for _ in turns]
    threads = [generator(seed, NOISE, k) for k in range(len(parts))]
    values = (data / 255 if data.dtype == np.uint8 else data).astype(dtype)
    for step in range(steps):
        rows = minibatch_rows(N, sum(parts), step, seed)
        x, noise = draw_minibatch(
            vae, estimator, threads, parts, values[rows], noise_samples, binarize
        )
        bound, ascended = ESTIMATORS[estimator.name](vae, estimator, theta, x, noise, bounds)
        bounds = [*bounds, float(bound(theta))]
        g = gradient(ascended, theta) - (theta / N if weight_prior else 0.0)
        turn = step % len(turns)
        gradients[turn].append(g[turns[turn]])
        theta[turns[turn]] += move(optimizer, gradients[turn])
    return theta, bounds
