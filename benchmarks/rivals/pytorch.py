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
        self.gaussian = setting.likelihood == "gaussian-sigmoid"
        self.n_latent = setting.n_latent
        self.encoder, self.decoder = self.networks(setting)

    def networks(self, setting):
        """Return encoder and decoder."""
        D, H, J = setting.n_features, setting.n_hidden, setting.n_latent
        return (
            nn.Sequential(nn.Linear(D, H), nn.Tanh(), nn.Linear(H, 2 * J)),
            nn.Sequential(nn.Linear(J, H), nn.Tanh(), nn.Linear(H, D * (1 + self.gaussian))),
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

    def named(self, of=lambda tensor: tensor):
        """Yield the contenders' common names with views of the tensors, or of what these have.

        A view has its numbers in the order of minivae's array of that name.
        """
        for name, net in (("encoder", self.encoder), ("decoder", self.decoder)):
            layers = [layer for layer in net if hasattr(layer, "weight")]
            for k, layer in enumerate(layers, start=1):
                yield f"{name}.W{k}", self.in_order(layer, of(layer.weight))
                yield f"{name}.b{k}", self.in_order(layer, of(layer.bias))

    def in_order(self, layer, tensor):
        """Return a view of the tensor; nn.Linear keeps W transposed."""
        return tensor.T if tensor.ndim == 2 else tensor


class Eager(Contender):
    """PyTorch as it comes, one operation at a time."""

    def __init__(self, problem, threads, params):
        torch.set_num_threads(threads)
        # Weights of dead pixels decay to subnormal numbers, which are slow; XLA and minivae have
        # this switch on.
        torch.set_flush_denormal(True)
        self.data = torch.from_numpy(problem.train_as_floats())
        self.model = self.build(problem.setting)
        self.loss = self.prepare(self.model)
        super().__init__(problem, threads, params)

    def build(self, setting):
        """Return the model."""
        if setting.channels:
            from rivals.pytorch_conv import Convolutional

            return Convolutional(setting)
        return Model(setting)

    def prepare(self, model):
        """Return what computes the loss."""
        return model

    def reset(self, params):
        setting = self.setting
        with torch.no_grad():
            for name, view in self.model.named():
                view.copy_(torch.from_numpy(np.asarray(params[name])).reshape(view.shape))
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
        return self._in_shape(self.model.named(of=torch.Tensor.detach))

    def bound_and_gradient(self, x, noise):
        self.optimizer.zero_grad()
        loss = self.loss(torch.from_numpy(x), torch.from_numpy(noise))
        loss.backward()
        gradient = self._in_shape(self.model.named(of=lambda tensor: -tensor.grad))
        return -loss.item(), gradient

    def _in_shape(self, named):
        shapes = self.problem.setting.vae().param_shapes
        return {name: view.numpy().reshape(shapes[name]) for name, view in named}


class Compiled(Eager):
    """Forward and backward pass through torch.compile (needs a C++ compiler)."""

    def prepare(self, model):
        return torch.compile(model, fullgraph=True, dynamic=False)
