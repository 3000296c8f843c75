// Activations, as minivae/layers/activations.py has them: h = f(a), number by number.

import { normalCdf, sigmoid, softplus } from "./numbers.js";

const ACTIVATIONS = {
  identity: (a) => a,
  tanh: Math.tanh,
  relu: (a) => Math.max(a, 0),
  softplus,
  sigmoid,
  gelu: (a) => a * normalCdf(a),
};

export function activate(name, h) {
  const f = ACTIVATIONS[name];
  for (let j = 0; j < h.length; j++) h[j] = f(h[j]);
  return h;
}
