"""minivae, through the loop that `minivae.fit` runs."""

# ruff: noqa: D102  (`rivals.Contender` describes the methods)
from contextlib import ExitStack

import numpy as np

from minivae.data_stream import NOISE, stream
from minivae.engine.lockstep import blas_single_threaded
from minivae.engine.team import Team
from minivae.optimizers import Adagrad
from minivae.params import Params
from minivae.training.history import History
from minivae.training.minibatch_loop import MinibatchLoop
from minivae.training.settings import AEVBSettings
from minivae.training.state import TrainingState
from rivals import Contender


class Minivae(Contender):
    """`MinibatchLoop` on a team of threads, as `fit` sets them up."""

    def __init__(self, problem, threads, params):
        self.vae = problem.setting.vae()
        self._open = ExitStack()
        self._open.enter_context(blas_single_threaded())
        self.team = self._open.enter_context(Team(threads))
        super().__init__(problem, threads, params)

    def reset(self, params):
        setting, seed, optimizer = self.setting, self.problem.seed, self.optimizer()
        theta = Params(self.vae.param_shapes, dtype=np.float32)
        for name in theta:
            theta[name][:] = params[name]
        noise = [stream(seed, NOISE, k) for k in range(self.threads)]
        self.state = TrainingState(theta, optimizer.init(theta.vector), noise, History())
        self.loop = MinibatchLoop(
            self.vae,
            self.problem.train,
            AEVBSettings(optimizer=optimizer, batch_size=setting.batch_size, seed=seed),
            self.state,
            self.team,
        )

    def optimizer(self):
        """Return the optimizer."""
        return Adagrad(self.setting.step_size, self.setting.epsilon)

    def run(self, n_steps):
        bounds = []
        while len(bounds) < n_steps:  # `MinibatchLoop.run` stops at the end of an epoch
            bounds += self.loop.run(n_steps - len(bounds))
        return np.array(bounds)

    def params(self):
        return {name: self.state.params[name] for name in self.state.params}

    def bound_and_gradient(self, x, noise):
        bound, gradient = self.vae.elbo_and_grad(self.state.params, x, noise[None])
        return bound, {name: gradient[name] for name in gradient}

    def close(self):
        self._open.close()
