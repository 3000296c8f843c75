"""Layers: what encoder and decoder are made of (app. C).

    dense        h = f(x W + b), and its gradients
    activations  f
    sequential   layers in a row
    mlp          dense ones in a row, the paper's networks
    start        where weights start
    images       rows that are images, and their patches
    convolution  convolutions and their transposes
    channels     channel by channel in place of pixel by pixel
    convnet      networks of these

A layer is any object that does what `minivae.protocols.Layer` says.
"""

from minivae.layers.activations import ACTIVATIONS, Activation, get_activation
from minivae.layers.dense import Dense
from minivae.layers.mlp import mlp, work
from minivae.layers.sequential import Sequential

__all__ = ["ACTIVATIONS", "Activation", "Dense", "Sequential", "get_activation", "mlp", "work"]
