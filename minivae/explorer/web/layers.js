// Layers, as minivae/layers has them. Each has a namesake there, is made of its settings and of its
// arrays of parameters, and carries one datapoint forward.

import { normalCdf, sigmoid, softplus } from "./numbers.js";

const ACTIVATIONS = {
  identity: (a) => a,
  tanh: Math.tanh,
  relu: (a) => Math.max(a, 0),
  softplus,
  sigmoid,
  gelu: (a) => a * normalCdf(a),
};

// h = f(x W + b)
class Dense {
  constructor({ n_in, n_out, activation }, { W, b }) {
    Object.assign(this, { n_in, n_out, W, b, activation });
    this.f = ACTIVATIONS[activation];
  }

  // Row i of W counts x_i times. Most of a digit is black: these rows count not at all.
  forward(x) {
    const { n_in, n_out, W, f } = this;
    const h = Float64Array.from(this.b);
    for (let i = 0; i < n_in; i++) {
      const x_i = x[i];
      if (x_i === 0) continue;
      const row = i * n_out;
      for (let j = 0; j < n_out; j++) h[j] += x_i * W[row + j];
    }
    for (let j = 0; j < n_out; j++) h[j] = f(h[j]);
    return h;
  }
}

const LAYERS = { Dense };

// Layers in a row. An array is a part of the vector of all parameters.
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
