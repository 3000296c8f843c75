"""The paper's experiments (sec. 5, figures 2 to 5), each from one call: `reproduce`.

`curves` is a model's training, measured as it goes; `figure2` to `figure5` say of which curves a
figure is made, and draw it; `running` computes curves side by side; `reproduction` is the whole.
"""

from minivae.experiments.reproduction import EXPERIMENTS, reproduce

__all__ = ["EXPERIMENTS", "reproduce"]
