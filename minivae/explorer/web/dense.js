// The dense layer, as minivae/layers/dense.py has it: h = f(x W + b).

import { activate } from "./activations.js";

export class Dense {
  constructor(settings, arrays) {
    Object.assign(this, settings, arrays);
  }

  // Row i of W counts x_i times. Most of a digit is black: these rows count not at all.
  forward(x) {
    const { n_in, n_out, W } = this;
    const h = Float64Array.from(this.b);
    for (let i = 0; i < n_in; i++) {
      const x_i = x[i];
      if (x_i === 0) continue;
      const row = i * n_out;
      for (let j = 0; j < n_out; j++) h[j] += x_i * W[row + j];
    }
    return activate(this.activation, h);
  }
}
