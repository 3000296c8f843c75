"""The two recurrent networks: words to q(z|x), and z to words."""

from typing import Any

import numpy as np

from minivae.datasets.sentences import END, PADDING, UNKNOWN
from minivae.layers import Dense
from minivae.layers.embedding import Embedding, add_rows
from minivae.layers.recurrent import LSTM, Steps, steps_of
from minivae.params import Params
from minivae.protocols import New, Part, Parts
from minivae.sentences.categorical import categorical


class Network:
    """Layers with names: the parameter W of the layer "lstm" is called ``prefix + "lstm.W"``.

    Parameters
    ----------
    prefix : str
    layers : dict of str to layer
    """

    def __init__(self, prefix: str, layers: dict[str, Any]) -> None:
        self.layers = layers
        self._names = [
            {own: f"{prefix}{name}.{own}" for own in layer.shapes} for name, layer in layers.items()
        ]
        self.shapes: dict[str, tuple[int, ...]] = {
            names[own]: shape
            for layer, names in zip(layers.values(), self._names, strict=True)
            for own, shape in layer.shapes.items()
        }

    def of(self, params: Params) -> dict[str, dict[str, np.ndarray]]:
        """Return each layer's parameters, under the layer's own names."""
        return dict(zip(self.layers, params.renamed(self._names), strict=True))

    def named(self, parts: dict[str, Parts]) -> dict[str, Part]:
        """Return the parts of all layers, given by layer, by the parameters' names."""
        of_layer = dict(zip(self.layers, self._names, strict=True))
        return {
            of_layer[layer][own]: part for layer, its in parts.items() for own, part in its.items()
        }

    def init(self, params: Params, rng: np.random.Generator) -> None:
        """Draw weights with a variance of one over the numbers that come in (Glorot's, halved)."""
        for name, own in self.of(params).items():
            layer = self.layers[name]
            std = 0.1 if isinstance(layer, Embedding) else layer.n_in**-0.5
            layer.init(own, rng, std)


class Encoder(Network):
    """q(z|x): an LSTM reads the sentence, and its last state says mu and log sigma^2.

    Parameters
    ----------
    n_words, n_embedding, n_hidden, n_latent : int
    """

    def __init__(self, n_words: int, n_embedding: int, n_hidden: int, n_latent: int) -> None:
        self.embedding = Embedding(n_words, n_embedding)
        self.lstm = LSTM(n_embedding, n_hidden)
        self.head = Dense(2 * n_hidden, 2 * n_latent)
        layers = {"embedding": self.embedding, "lstm": self.lstm, "head": self.head}
        super().__init__("encoder.", layers)

    def forward(
        self, params: Params, tokens: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, Any]:
        """Return q_params, (m, 2 J), for sentences (m, T), and what `backward` needs."""
        own = self.of(params)
        mask = tokens != PADDING
        steps = steps_of(mask)
        x, words = self.embedding.forward(own["embedding"], tokens.T[mask.T], new)
        _, last, of_lstm = self.lstm.forward(own["lstm"], x, steps, None, new)
        q_params, of_head = self.head.forward(own["head"], last, new)
        return q_params, (own, words, of_lstm, of_head)

    def backward(self, saved: Any, dq_params: np.ndarray, new: New = np.empty) -> Parts:
        """Return what the gradients are made of; dq_params may be overwritten."""
        own, words, of_lstm, of_head = saved
        dlast, head = self.head.backward(own["head"], of_head, dq_params, new)
        dx, _, lstm = self.lstm.backward(own["lstm"], of_lstm, None, dlast, new)
        embedding = self.embedding.backward(words, dx)
        return self.named({"embedding": embedding, "lstm": lstm, "head": head})


class Reading:
    """What the decoder reads and is to say, word after word.

    Parameters
    ----------
    tokens : (m, T) array of int
        Sentences, with `PADDING` behind the last word.
    dropped : (m, T) array of bool or None
        Words that the decoder does not get to read: it reads `UNKNOWN` in their place.

    Attributes
    ----------
    steps : Steps
        One more than the sentence has words.
    read, said : (N,) arrays of int
        For every row, the word before (or `END`, before the first), and the word (or `END`, last).
    """

    steps: Steps

    def __init__(self, tokens: np.ndarray, dropped: np.ndarray | None = None) -> None:
        m, T = tokens.shape
        read = np.full((m, T + 1), END, np.int32)
        read[:, 1:] = tokens
        mask = read != PADDING
        if dropped is not None:
            read[:, 1:][dropped] = UNKNOWN
        said = np.full((m, T + 1), END, np.int32)
        said[:, :-1] = np.where(tokens == PADDING, END, tokens)
        self.steps = steps_of(mask)
        self.read, self.said = read.T[mask.T], said.T[mask.T]


class Decoder(Network):
    """p(x|z): an LSTM says word after word, and reads each before it says the next.

    Parameters
    ----------
    n_words, n_embedding, n_hidden : int
    n_latent : int
        J; zero for a language model, which begins with a state of zeros.
    everywhere : bool
        Whether z is part of every step's input, and not of the state at the start alone.
    """

    def __init__(
        self, n_words: int, n_embedding: int, n_hidden: int, n_latent: int, everywhere: bool
    ) -> None:
        self.n_latent, self.everywhere = n_latent, everywhere
        self.embedding = Embedding(n_words, n_embedding)
        self.lstm = LSTM(n_embedding + n_latent * everywhere, n_hidden)
        self.output = Dense(n_hidden, n_words)
        layers = {"embedding": self.embedding, "lstm": self.lstm, "output": self.output}
        if n_latent:
            self.start = Dense(n_latent, 2 * n_hidden, "tanh")
            layers = {"start": self.start, **layers}
        super().__init__("decoder.", layers)

    def forward(
        self,
        params: Params,
        z: np.ndarray | None,
        reading: Reading,
        scale: float,
        new: New = np.empty,
    ) -> tuple[np.ndarray, Any]:
        """Compute log p(x|z).

        Parameters
        ----------
        params : Params
        z : (m, J) array or None
        reading : Reading
        scale : float
            Weight of log p(x|z) in what `backward` goes back from.
        new : callable

        Returns
        -------
        log_px : (m,) float64 array
            In nats.
        saved : tuple
        """
        own = self.of(params)
        start, of_start = self.begin(own, z, new)
        x, words = self.embedding.forward(own["embedding"], reading.read, new)
        x = self.beside(x, z, reading.steps.sequence, new)
        h, _, of_lstm = self.lstm.forward(own["lstm"], x, reading.steps, start, new)
        logits, of_output = self.output.forward(own["output"], h, new)
        log_p = new((len(logits),), logits.dtype)
        scale = logits.dtype.type(scale)
        categorical(logits, reading.said, logits.max(axis=1), scale, log_p)
        m = len(reading.steps.last)
        log_px = np.bincount(reading.steps.sequence, log_p, m)
        return log_px, (own, reading, words, of_start, of_lstm, of_output, logits)

    def begin(
        self, own: dict[str, dict[str, np.ndarray]], z: np.ndarray | None, new: New = np.empty
    ) -> tuple[np.ndarray | None, Any]:
        """Return the state at the start, (m, 2 n_hidden), and what `backward` needs."""
        return (None, None) if z is None else self.start.forward(own["start"], z, new)

    def beside(
        self, x: np.ndarray, z: np.ndarray | None, sequence: np.ndarray, new: New = np.empty
    ) -> np.ndarray:
        """Return the inputs of all rows: the words' vectors, and beside them the sentence's z."""
        if z is None or not self.everywhere:
            return x
        both = new((len(x), self.lstm.n_in), x.dtype)
        both[:, : x.shape[1]], both[:, x.shape[1] :] = x, z[sequence]
        return both

    def backward(self, saved: Any, new: New = np.empty) -> tuple[Any, Parts]:
        """Carry ``scale * sum(log_px)`` back.

        Returns
        -------
        dz : (m, J) array or None
        parts : dict of str to Part
            What the parameters' gradients are made of.
        """
        own, reading, words, of_start, of_lstm, of_output, dlogits = saved
        dh, output = self.output.backward(own["output"], of_output, dlogits, new)
        dx, dstart, lstm = self.lstm.backward(own["lstm"], of_lstm, dh, None, new)
        E = self.embedding.n_out
        dz: Any = None
        parts = {"output": output, "lstm": lstm}
        if self.n_latent:
            dz, parts["start"] = self.start.backward(own["start"], of_start, dstart, new)
            if self.everywhere:
                through_inputs = new(dz.shape, dz.dtype)
                dx_z = np.ascontiguousarray(dx[:, E:])
                add_rows(reading.steps.sequence, dx_z, 0, through_inputs)
                dz += through_inputs
        parts["embedding"] = self.embedding.backward(words, np.ascontiguousarray(dx[:, :E]))
        return dz, self.named(parts)
