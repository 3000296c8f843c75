"""The paper's experiments (sec. 5, figures 2 to 5) and a table of another, each from one call.

1. `curves`, `computing`: a model's training, measured as it goes, and its folder;
   `importance_weighted`: those of the table;
2. `experiment`, `figure2` to `figure5`, `table1`: which curves it takes, and what is made of them;
3. `running`: curves side by side, in worker processes or on an executor that is handed in;
   `cluster`, `child`: on a Dask cluster, whose workers compute each in a process of its own;
4. `reproduction`: `reproduce`, the whole, from an empty folder to tables and pictures.
"""

from typing import Any

__all__ = ["EXPERIMENTS", "reproduce"]


def __getattr__(name: str) -> Any:  # when first used: worker processes need no pictures
    if name not in __all__:
        raise AttributeError(f"module 'minivae.experiments' has no attribute {name!r}")
    from minivae.experiments import reproduction

    return getattr(reproduction, name)
