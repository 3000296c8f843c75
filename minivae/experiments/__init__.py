"""The paper's experiments (sec. 5, figures 2 to 5), each from one call: `reproduce`.

1. `curves`, `computing`: a model's training, measured as it goes, and its folder;
2. `experiment`, `figure2` to `figure5`: of which curves a figure is made, and how it is drawn;
3. `running`: curves side by side, in worker processes or on an executor that is handed in;
4. `reproduction`: the whole, from an empty folder to tables and pictures.
"""

from typing import Any

__all__ = ["EXPERIMENTS", "reproduce"]


def __getattr__(name: str) -> Any:  # when first used: worker processes need no pictures
    if name not in __all__:
        raise AttributeError(f"module 'minivae.experiments' has no attribute {name!r}")
    from minivae.experiments import reproduction

    return getattr(reproduction, name)
