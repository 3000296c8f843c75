"""The same VAE in PyTorch: modules, autograd and the fused Adagrad; eager, and compiled."""

# ruff: noqa: D102  (`rivals.Contender` describes the methods)
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from rivals import Contender, halves

LOG_2PI = float(np.log(2 * np.pi))


class Model(nn.Module):
    """Encoder, decoder, and the negative mean bound as the forward pass.

    Parameters
    ----------
    setting : settings.Setting
    """

    def __init__(self, setting):
        super().__init__()
        D, H, J = setting.n_features, setting.n_hidden, setting.n_latent
        self.gaussian = setting.likelihood == "gaussian-sigmoid"
        self.n_latent = J
        self.encoder = nn.Sequential(nn.Linear(D, H), nn.Tanh(), nn.Linear(H, 2 * J))
        self.decoder = nn.Sequential(
            nn.Linear(J, H), nn.Tanh(), nn.Linear(H, D * (1 + self.gaussian))
        )

    def log_px(self, out, x):
        """Return log p(x|z), summed over pixels and minibatch."""
        if not self.gaussian:
            return -F.binary_cross_entropy_with_logits(out, x, reduction="sum")
        a, log_var = out.chunk(2, dim=1)
        squared = (x - a.sigmoid()) ** 2 * torch.exp(-log_var)
        return -0.5 * torch.sum(LOG_2PI + log_var + squared)

    def forward(self, x, eps):
        mu, log_var = halves(self.encoder(x), self.n_latent)
        z = mu + torch.exp(log_var / 2) * eps
        minus_kl = 0.5 * torch.sum(1 + log_var - mu**2 - log_var.exp())
        return -(self.log_px(self.decoder(z), x) + minus_kl) / len(x)

    def named(self):
        """Yield the contenders' common names with the tensors; nn.Linear keeps W transposed."""
        for name, net in (("encoder", self.encoder), ("decoder", self.decoder)):
            for k, layer in enumerate((net[0], net[2]), start=1):
                yield f"{name}.W{k}", layer.weight
                yield f"{name}.b{k}", layer.bias


class Eager(Contender):
    """PyTorch as it comes, one operation at a time."""

    def __init__(self, problem, threads, params):
        torch.set_num_threads(threads)
        # Weights of dead pixels decay to subnormal numbers, which are slow; XLA and minivae have
        # this switch on.
        torch.set_flush_denormal(True)
        self.data = torch.from_numpy(problem.train_as_floats())
        self.model = Model(problem.setting)
        self.loss = self.prepare(self.model)
        super().__init__(problem, threads, params)

    def prepare(self, model):
        """Return what computes the loss."""
        return model

    def reset(self, params):
        setting = self.setting
        with torch.no_grad():
            for name, tensor in self.model.named():
                tensor.copy_(torch.from_numpy(np.asarray(params[name]).T))
        # The defaults lr_decay=0 and initial_accumulator_value=0 are minivae's Adagrad; weight
        # decay on the negative bound is the log prior's gradient.
        self.optimizer = torch.optim.Adagrad(
            self.model.parameters(),
            lr=setting.step_size,
            eps=setting.epsilon,
            weight_decay=setting.decay,
            fused=True,
        )
        torch.manual_seed(self.problem.seed)
        self.step = 0

    def run(self, n_steps):
        shape = self.setting.batch_size, self.setting.n_latent
        losses = []
        for rows in torch.from_numpy(self.problem.minibatches(self.step, n_steps)):
            loss = self.loss(self.data[rows], torch.randn(shape))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.detach())
        self.step += n_steps
        return -torch.stack(losses).numpy()

    def params(self):
        return {name: tensor.detach().numpy().T for name, tensor in self.model.named()}

    def bound_and_gradient(self, x, noise):
        self.optimizer.zero_grad()
        loss = self.loss(torch.from_numpy(x), torch.from_numpy(noise))
        loss.backward()
        return -loss.item(), {name: -tensor.grad.numpy().T for name, tensor in self.model.named()}


class Compiled(Eager):
    """Forward and backward pass through torch.compile (needs a C++ compiler)."""

    def prepare(self, model):
        return torch.compile(model, fullgraph=True, dynamic=False)
