"""A VAE of counts: what it knows that independent Poisson counts do not.

    python examples/counts.py [picture.png] [--data counts.npy] [--samples 300000]

By default a datapoint is a football team in one season, and what is counted are its goals: scored
or conceded, at home or away, in the first half of the season or the second. The model sees three
seasons and is tested on a fourth. It is given two latents and uses one: how strong the team is. The
picture has the learning curve, and the mean of every count as that latent moves. `--data` is a file
of whole numbers of your own, as `minivae.load` takes it. Takes some seconds.
"""

import argparse
from itertools import product

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import poisson

from minivae import VAE, Adam, fit, load
from minivae.datasets import Dataset
from minivae.datasets.matches import LEAGUES, SEASONS, load_matches
from minivae.evaluation import importance_sampling, mean_bound
from minivae.plots import PALETTE, STYLE, check_path, save


def football():
    """Return the goals of every team and season, and the league and team of each test datapoint."""
    goals = {}  # by season, league and team: (scored, conceded) of matches at home, and away
    for season, league in product(SEASONS, LEAGUES):
        data = load_matches(league, season)
        for *teams, result in zip(data.home, data.away, data.goals, strict=True):
            for side, team in enumerate(teams):
                key = season, league, data.teams[team]
                goals.setdefault(key, ([], []))[side].append(result[::-1] if side else result)
    counts = np.float32([
        np.ravel([np.sum(half, axis=0) for side in sides for half in np.array_split(side, 2)])
        for sides in goals.values()
    ])  # fmt: skip
    last = np.array([season == 2016 for season, _, _ in goals])
    data = Dataset(counts[~last], counts[last], (1, 8), "football")
    return data, [(league, team) for season, league, team in goals if season == 2016]


def picture(history, baseline, z, counts, labels):
    """Draw the learning curve, and the counts' means against the latent."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.axhline(baseline, color="0.5", linestyle="--", label="independent counts, test")
        seen = np.array(history.samples) / 1000
        left.plot(seen, history.train_bound, color=PALETTE[1], label="the bound, training")
        left.plot(seen, history.test_bound, color=PALETTE[0], label="the bound, test")
        left.set(xlabel="training samples seen, in thousands", ylabel="nats per datapoint")
        left.set_ylim(1.3 * baseline, 0.8 * baseline)
        left.legend(loc="lower right")
        for k, means in enumerate(counts.T):
            right.plot(z, means, color=PALETTE[k % len(labels)])
        right.set(xlabel="the latent that varies most", ylabel="mean counts", ylim=(0, None))
        right.legend(labels)
    return figure


def main(arguments=None):
    """Train, print the comparison, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", nargs="?", default="counts.png", help="where the picture goes")
    parser.add_argument("--data", help="a file of counts: .npy, .npz or .mat")
    parser.add_argument("--samples", type=int, default=300_000)
    options = parser.parse_args(arguments)
    check_path(options.path)
    data, names = (load(options.data, counts=True), []) if options.data else football()
    if np.any(data.train % 1) or np.any(data.test % 1):
        parser.error(f"--data is {options.data}, whose numbers are no counts")
    vae = VAE(data.train.shape[1], 2, hidden=(16,), likelihood="poisson")
    every = max(1, options.samples // 30)
    settings = {"batch_size": min(50, len(data.train)), "evaluate_every": every}
    params, history = fit(vae, data, options.samples, optimizer=Adam(3e-3), **settings)
    rates = data.train.mean(axis=0, dtype=np.float64) + 1e-3  # none is quite zero
    baseline = poisson.logpmf(data.test, rates).sum(axis=1).mean()
    bound = mean_bound(vae, params, data.test)
    log_px = importance_sampling(vae, params, data.test, draws=500).mean
    mu = vae.encode(params, data.test)[0]
    used = mu.std(axis=0).argmax()
    z = np.linspace(-3, 3, 61)[:, None] * (np.arange(2) == used)
    if np.diff(vae.decode(params, z)[[0, -1], 0]) < 0:  # which way it points is left to chance
        z, mu = -z, -mu
    print(f"{len(data.test)} new datapoints, nats per datapoint")
    print(f"independent Poisson counts  {baseline:9.2f}")
    print(f"VAE, the bound              {bound:9.2f}, a gain of {bound - baseline:.2f}")
    print(f"VAE, log p(x)               {log_px:9.2f}")
    print("standard deviations of the two latents' means:", *np.round(mu.std(axis=0), 2))
    for strength, (league, team) in sorted(zip(mu[:, used], names, strict=False), reverse=True):
        if league == "en":
            print(f"{strength:9.2f}  {team}")
    means, labels = vae.decode(params, z), ["scored", "conceded"] if names else ["a count"]
    save(picture(history, baseline, z[:, used], means, labels), options.path)


if __name__ == "__main__":
    main()
