"""The two networks of a model: the paper's MLPs (app. C), or layers that a user has brought."""

from collections.abc import Iterable, Sequence
from typing import Any

from minivae.layers import Activation, Sequential, mlp
from minivae.protocols import Layer, Likelihood, Posterior
from minivae.validation import check_count

HIDDEN, ACTIVATION, START = (500,), "tanh", "normal"  # by default


def build_mlps(
    n_features: int | None,
    n_latent: int | None,
    hidden: Sequence[int],
    activation: Activation,
    start: str,
    likelihood: Likelihood,
    posterior: Posterior,
) -> tuple[Sequential, Sequential]:
    """Return encoder and decoder, with the hidden layers of the one in reverse in the other."""
    D, J = check_count("n_features", n_features), check_count("n_latent", n_latent)
    n_params, n_outputs = _ends(D, J, likelihood, posterior)
    encoder = mlp((D, *hidden, n_params), activation, "encoder.", start)
    return encoder, mlp((J, *reversed(hidden), n_outputs), activation, "decoder.", start)


def take_networks(
    n_features: int | None,
    n_latent: int | None,
    encoder: Sequence[Layer] | Sequential | None,
    decoder: Sequence[Layer] | Sequential | None,
    likelihood: Likelihood,
    posterior: Posterior,
) -> tuple[Sequential, Sequential]:
    """Return encoder and decoder as given, if they fit each other and the model's two ends."""
    if encoder is None or decoder is None:
        name = "encoder" if encoder is None else "decoder"
        raise ValueError(f"{name} is None, expected layers: give both networks or neither")
    networks = _network("encoder", encoder), _network("decoder", decoder)
    D, J = (network.n_in for network in networks)
    for name, given, n_in in (("n_features", n_features, D), ("n_latent", n_latent, J)):
        if given is not None and given != n_in:
            raise ValueError(f"{name} is {given!r}, but the network takes {n_in}")
    ends = _ends(D, J, likelihood, posterior)
    for name, network, n_out in zip(("encoder", "decoder"), networks, ends, strict=True):
        if network.n_out != n_out:
            raise ValueError(
                f"{name} ends in {network.n_out} numbers, expected {n_out} for {J} latents and {D} "
                f"features with posterior {posterior.name!r} and likelihood {likelihood.name!r}"
            )
    return networks


def refuse_beside_networks(hidden: Any, activation: Any, start: Any) -> None:
    """Refuse what describes MLPs, where networks are given layer by layer."""
    for name, given, default in (
        ("hidden", hidden, HIDDEN), ("activation", activation, ACTIVATION), ("start", start, START)
    ):  # fmt: skip
        if given is not default:
            raise ValueError(
                f"{name} is {given!r}, expected nothing beside encoder and decoder, which say what "
                "their layers are"
            )


def _ends(D: int, J: int, likelihood: Likelihood, posterior: Posterior) -> tuple[int, int]:
    """How many numbers the posterior takes from the encoder, the likelihood from the decoder."""
    return posterior.n_params(J), D * likelihood.outputs_per_pixel


def _network(name: str, layers: Sequence[Layer] | Sequential) -> Sequential:
    if type(layers) is Sequential:  # a subclass of it is a layer that may do something else
        layers = layers.layers
    if not isinstance(layers, Iterable):
        raise ValueError(f"{name} is {layers!r}, expected layers in a list, such as [{layers!r}]")
    try:
        return Sequential(layers, f"{name}.")
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
