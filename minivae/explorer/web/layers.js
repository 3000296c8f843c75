// Layers in a row, as minivae/layers has them. A layer has a namesake there, is made of its
// settings and of its arrays of parameters, and carries one datapoint forward.

import { ChannelsFirst, Conv2D, ConvTranspose2D } from "./convolutions.js";
import { Dense } from "./dense.js";

const LAYERS = { Dense, Conv2D, ConvTranspose2D, ChannelsFirst };

// An array is a part of the vector of all parameters.
export class Network {
  constructor(described, vector) {
    this.layers = described.map(({ kind, arrays, ...settings }) => {
      const own = {};
      for (const [name, { start, shape }] of Object.entries(arrays)) {
        own[name] = vector.subarray(start, start + shape.reduce((n, length) => n * length, 1));
      }
      return new LAYERS[kind](settings, own);
    });
  }

  forward(x) {
    return this.layers.reduce((h, layer) => layer.forward(h), x);
  }
}
