"""A model as a file describes it: names and numbers, no code.

What the library has is named. What a user has brought is named as well, with its settings, and has
to be brought again when the model is loaded: ``load_model(path, own={"its name": it})``.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from minivae.likelihoods import LIKELIHOODS
from minivae.training.descriptions import describe_layer, describe_part, rebuild, rebuild_part
from minivae.training.reading import UnreadableModel
from minivae.vae import VAE


def describe(vae: VAE) -> dict[str, Any]:
    """Return what makes `vae`, as a dict that JSON can hold.

    Raises
    ------
    ValueError
        If an object of the caller's own has no name, or settings that JSON cannot hold.
    """
    if not isinstance(vae, VAE):
        return vae.described()  # a model of sentences
    described: dict[str, Any] = {"n_features": vae.n_features, "n_latent": vae.n_latent}
    if vae.hidden is None:
        described["encoder"] = [describe_layer(layer) for layer in vae.encoder.layers]
        described["decoder"] = [describe_layer(layer) for layer in vae.decoder.layers]
    else:
        described["hidden"] = list(vae.hidden)
        described["activation"] = describe_part("activation", vae.activation)
        if vae.start != "normal":
            described["start"] = vae.start
    described["posterior"] = describe_part("posterior", vae.posterior)
    sigma = getattr(vae.likelihood, "sigma", None)
    named: Any = LIKELIHOODS.get(vae.likelihood.name)
    if (
        sigma is not None
        and hasattr(named, "sigma")
        and vae.likelihood == replace(named, sigma=sigma)
    ):
        return {**described, "likelihood": vae.likelihood.name, "sigma": sigma}
    return {**described, "likelihood": describe_part("likelihood", vae.likelihood)}


def build(path: str | Path, described: dict[str, Any], own: dict[str, Any] | None = None) -> VAE:
    """Return the `VAE` that `describe` has described.

    Parameters
    ----------
    path : path
        For error messages.
    described : dict
    own : dict of str to object or class, optional
        What the caller has brought, by name; a class is called with the settings in the file.

    Raises
    ------
    UnreadableModel
        If something of the caller's own is missing, or is not what was saved. (What is described
        wrongly raises nearly anything: call this within `reading`.)
    """
    if "sentences" in described:
        raise UnreadableModel(
            f"path: {path} holds a model of sentences, which minivae.sentences.load_model reads"
        )
    described, own = dict(described), dict(own or {})
    sigma = described.pop("sigma", None)
    if sigma is not None:
        named: Any = LIKELIHOODS[described["likelihood"]]
        described["likelihood"] = replace(named, sigma=sigma)
    for kind in ("activation", "likelihood", "posterior"):
        if isinstance(described.get(kind), dict):
            described[kind] = rebuild_part(path, kind, described[kind], own)
    for network in ("encoder", "decoder"):
        if network in described:
            described[network] = rebuild(path, described[network], own)
    return VAE(**described)
